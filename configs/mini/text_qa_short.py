# The first stage of text question answering on the mini benchmark: texts about one photograph, from the weights of
# statement entailment.
from mmengine.config import read_base

with read_base():
    from .text_qa import *

for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset']['max_words'] = 25
del loader
load_from = 'work_dirs/mini/text_classification'
