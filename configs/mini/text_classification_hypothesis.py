# The same without descriptions: what the statements alone give away.
from mmengine.config import read_base

with read_base():
    from .text_classification import *

statement = dict(pair, first='sentence2', second=None)
train_dataloader['dataset'].update(pipeline=[statement, labelled])
val_dataloader['dataset'].update(pipeline=[statement, scored])
test_dataloader = val_dataloader
train_cfg.update(max_iters=600, val_interval=600)
