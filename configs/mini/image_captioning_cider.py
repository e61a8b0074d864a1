# CIDEr optimisation of image captioning on the mini benchmark, from the best checkpoint of mini/image_captioning.
from mmengine.config import read_base

from mplug2.objectives import SelfCriticalReward

with read_base():
    from .image_captioning import *

load_from = 'work_dirs/mini/image_captioning'
model['tasks']['captioning'].update(objective=dict(type=SelfCriticalReward))
train_dataloader.update(batch_size=16)
train_dataloader['dataset'].update(pipeline=[*read, instruct, pack])  # the reward takes the captions as they are
optim_wrapper['optimizer'].update(lr=5e-5)
param_scheduler = [dict(warm_up, end=20), dict(decay, begin=20, eta_min=1e-6)]
auto_scale_lr.update(base_batch_size=16)
train_cfg.update(max_iters=600, val_interval=300)
