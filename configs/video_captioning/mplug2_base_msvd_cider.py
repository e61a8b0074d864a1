# The second stage: CIDEr optimisation for 5 epochs at 1e-6, 16 clips a step, from mplug2_base_msvd.
from mmengine.config import read_base

from mplug2.datasets.transforms import PackInputs
from mplug2.tasks import SelfCriticalCaptioning

with read_base():
    from .mplug2_base_msvd import *

load_from = 'work_dirs/video_captioning/mplug2_base_msvd'  # its best checkpoint
model.pop('init_cfg')
model['tasks']['captioning'].update(type=SelfCriticalCaptioning)
train_dataloader.update(batch_size=2)
train_dataloader['dataset'].update(each='sample', pipeline=[*read_train, *ask, dict(type=PackInputs, fields=['captions'])])
optim_wrapper['optimizer'].update(lr=1e-6)
param_scheduler[0].update(end=100)
param_scheduler[1].update(begin=100, eta_min=0.0)
train_cfg.update(max_epochs=5, val_interval=75)
auto_scale_lr.update(base_batch_size=16)
