# Image captioning on the mini benchmark, in COCO's files with Karpathy's splits.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import CocoCaption, ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizeTarget, TokenizeText
from mplug2.evaluation import CaptionMetric
from mplug2.tasks import Captioning

with read_base():
    from .._base_.datasets.mini_image import *
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

model.update(
    tasks=dict(
        captioning=dict(type=Captioning, media='image', generation=dict(num_beams=3, min_length=4, max_length=30)),
    )
)

images = dict(type=CocoCaption, ann_file='data/mini/coco/annotations/dataset_coco.json', data_prefix='data/mini/coco')
instruct = dict(type=TokenizeText, tokenizer=tokenizer, instruction='captioning')
target = dict(type=TokenizeTarget, tokenizer=tokenizer, key='captions', choose='random', clean='caption', max_words=30)
pack = dict(type=PackInputs, fields=['captions'])
train_dataloader = dict(
    **batches,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**images, split='train', pipeline=[*read, instruct, target, pack]),
)
val_dataloader = dict(
    batch_size=100,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='val', test_mode=True, pipeline=[*read, instruct, pack]),
)
test_dataloader = dict(
    batch_size=100,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='test', test_mode=True, pipeline=[*read, instruct, pack]),
)
val_evaluator = dict(type=CaptionMetric, meteor=False)
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='CIDEr-D')
auto_scale_lr.update(base_batch_size=32)
train_cfg.update(max_iters=4200, val_interval=2100)
