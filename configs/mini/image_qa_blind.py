# The same without images: what the questions alone give away.
from mmengine.config import read_base

from mplug2.datasets.transforms import BlankFrames

with read_base():
    from .image_qa import *

blank = dict(type=BlankFrames)
train_dataloader['dataset'].update(pipeline=[*read, blank, instruct, target, pack])
val_dataloader['dataset'].update(pipeline=[*read, blank, instruct, pack])
test_dataloader['dataset'].update(pipeline=[*read, blank, instruct, pack])
train_cfg.update(max_iters=600, val_interval=600)
