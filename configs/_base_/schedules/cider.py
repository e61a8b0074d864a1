# CIDEr optimisation, the second stage of captioning: at 1e-6, 16 samples a step.
from mmengine.config import read_base

with read_base():
    from .finetune import *

optim_wrapper['optimizer'].update(lr=1e-6)
param_scheduler = [dict(warm_up, end=100), dict(decay, begin=100, eta_min=0.0)]
auto_scale_lr.update(base_batch_size=16)
