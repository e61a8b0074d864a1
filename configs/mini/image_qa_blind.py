# The same without images: what the questions alone give away.
from mmengine.config import read_base

from mplug2.datasets.transforms import BlankFrames

with read_base():
    from .image_qa import *

for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset']['pipeline'].insert(2, dict(type=BlankFrames))
del loader
train_cfg.update(max_iters=600, val_interval=600)
