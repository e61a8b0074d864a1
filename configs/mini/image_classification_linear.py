# A linear probe of what pre-training has taught: the trunk stays as it is, the head alone learns.
from mmengine.config import read_base

from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .image_classification import *

model.update(
    frozen=['vision_encoder', 'universal'],
    init_cfg=dict(type=MPlug2Weights, source='mplug2_tiny', new=['tasks.*']),
)
optim_wrapper['optimizer'].update(weight_decay=0.0)
train_cfg.update(max_iters=1000, val_interval=500)
