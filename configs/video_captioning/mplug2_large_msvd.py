# mPLUG-2 Large, video captioning on MSVD: 10 epochs of cross-entropy at 2e-5, 128 captions a step, 16 frames.
from mmengine.config import read_base

from mplug2.tasks import Captioning
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_large import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.msvd_caption import *

captioning = dict(type=Captioning, media='video', generation=dict(num_beams=5, min_length=4, max_length=25))
model.update(
    tasks=dict(captioning=captioning),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_large_pretrain.pth', new=['tasks.*']),
)
optim_wrapper['optimizer'].update(lr=2e-5)
train_cfg.update(max_epochs=10, val_interval=380)
auto_scale_lr.update(base_batch_size=128)
default_hooks['checkpoint'].update(save_best='CIDEr-D')
