# mPLUG-2 small from scratch, captions of Tux Paint's stamps: what real weights are compared with. 112 pixels, 200 steps of 32.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizeTarget, TokenizeText
from mplug2.engine import TrainLoop, ValidationLoss
from mplug2.evaluation import CaptionMetric
from mplug2.tasks import Captioning

with read_base():
    from .._base_.datasets.stamps import *
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_small import *
    from .._base_.schedules.finetune import *

captioning = dict(type=Captioning, media='image', generation=dict(num_beams=3, min_length=2, max_length=20))
model.update(tasks=dict(captioning=captioning))
model['network']['vision_encoder'].update(image_size=112)

instruct = dict(type=TokenizeText, tokenizer=tokenizer, instruction='captioning')
target = dict(type=TokenizeTarget, tokenizer=tokenizer, key='captions', clean='caption', max_words=20)
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**images, split='train', pipeline=[*read_train, instruct, target, dict(type=PackInputs)]),
)
# Targets in validation, too, for its loss.
tested = dict(test_mode=True, pipeline=[*read_test, instruct, target, dict(type=PackInputs, fields=['captions'])])
val_dataloader = dict(
    batch_size=40,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='val', **tested),
)
test_dataloader = dict(
    batch_size=40,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='test', **tested),
)
val_evaluator = [dict(type=CaptionMetric, meteor=False)]
test_evaluator = val_evaluator
custom_hooks = [dict(type=ValidationLoss)]

optim_wrapper.update(dtype='auto')
optim_wrapper['optimizer'].update(lr=1e-4, weight_decay=0.05)
param_scheduler = [dict(warm_up, end=20), dict(decay, begin=20, eta_min=1e-6)]
train_cfg = dict(type=TrainLoop, max_iters=200, val_interval=40)
default_hooks['logger'].update(interval=10)
default_hooks['checkpoint'].update(interval=100, save_best='CIDEr-D')
auto_scale_lr.update(base_batch_size=32)
