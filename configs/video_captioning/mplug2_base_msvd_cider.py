# The second stage: CIDEr optimisation for 5 epochs at 1e-6, 16 clips a step, from mplug2_base_msvd.
from mmengine.config import read_base

from mplug2.objectives import SelfCriticalReward

with read_base():
    from .mplug2_base_msvd import *
    from .._base_.schedules.cider import auto_scale_lr, optim_wrapper, param_scheduler

load_from = 'work_dirs/video_captioning/mplug2_base_msvd'  # its best checkpoint
model.update(init_cfg=None)
model['tasks']['captioning'].update(objective=dict(type=SelfCriticalReward))
train_dataloader.update(batch_size=2)
train_dataloader['dataset'].update(each='sample', pipeline=[*read_train, *ask, scored])
train_cfg.update(max_epochs=5, val_interval=75)
