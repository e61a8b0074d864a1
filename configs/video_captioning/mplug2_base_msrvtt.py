# mPLUG-2 Base, video captioning on MSRVTT (9k / 1k split): 10 epochs of cross-entropy at 2e-5, 128 captions a step, 16 frames.
from mmengine.config import read_base

from mplug2.tasks import Captioning
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.msrvtt_caption import *

captioning = dict(type=Captioning, media='video', generation=dict(num_beams=5, min_length=4, max_length=25))
model.update(
    tasks=dict(captioning=captioning),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
optim_wrapper['optimizer'].update(lr=2e-5)
train_cfg.update(max_epochs=10)
auto_scale_lr.update(base_batch_size=128)
