# The same with one frame of each clip: what the motion can be guessed from without seeing it.
from mmengine.config import read_base

with read_base():
    from .video_classification import *

for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset']['pipeline'][0]['steps'][1].update(clip_len=1)
del loader
