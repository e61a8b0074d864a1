# The first minutes of video captioning: colours and motions are learned, which digit it is not yet.
from mmengine.config import read_base

with read_base():
    from .video_captioning import *

model['tasks']['captioning']['generation'].update(num_beams=1)
train_cfg.update(max_iters=2100, val_interval=2100)
