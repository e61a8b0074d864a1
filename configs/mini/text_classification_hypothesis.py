# The same without descriptions: what the statements alone give away.
from mmengine.config import read_base

with read_base():
    from .text_classification import *

for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset']['pipeline'][0].update(first='sentence2', second=None)
del loader
train_cfg.update(max_iters=600, val_interval=600)
