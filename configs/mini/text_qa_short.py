# The first stage of text question answering on the mini benchmark: texts about one photograph, from the weights of
# statement entailment.
from mmengine.config import read_base

with read_base():
    from .text_qa import *

train_dataloader['dataset'].update(max_words=25)
val_dataloader['dataset'].update(max_words=25)
test_dataloader = val_dataloader
load_from = 'work_dirs/mini/text_classification'
