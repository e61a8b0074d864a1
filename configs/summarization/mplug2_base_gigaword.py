# mPLUG-2 Base, Gigaword: 50,000 steps at 3e-5, 256 pairs a step; 5 beams, at most 512 tokens (Appendix B.2.2).
from mmengine.config import read_base

from mplug2.engine import TrainLoop
from mplug2.tasks import Summarization
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune_language import *
    from .._base_.datasets.gigaword import *

model.update(
    tasks=dict(summarization=dict(type=Summarization, generation=dict(num_beams=5, min_length=1, max_length=512))),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
optim_wrapper['optimizer'].update(lr=3e-5)
train_cfg = dict(type=TrainLoop, max_iters=50_000, val_interval=5000)
default_hooks['checkpoint'].update(interval=5000, save_best='ROUGE-L')
auto_scale_lr.update(base_batch_size=256)
