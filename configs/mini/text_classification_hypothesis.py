# The same without descriptions: what the statements alone give away.
from mmengine.config import read_base

with read_base():
    from .text_classification import *

pair.update(first='sentence2', second=None)
train_cfg.update(max_iters=600, val_interval=600)
