# mPLUG-2 Large, Kinetics-710, the first stage: 40 epochs at 5e-6, 128 clips a step, 16 frames.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_kinetics710 import *
    from .._base_.models.large import *

model.merge(large_pretrained)
model.update(blocks=dict(recompute=['vision_encoder']))
train_dataloader.update(batch_size=16)
optim_wrapper['optimizer'].update(lr=5e-6)
auto_scale_lr.update(base_batch_size=128)
train_cfg.update(val_interval=5080)
