# Image classification on the mini benchmark, in ImageNet's folders: the digit, from scratch. Chance is 10 %.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ImageNet, ResumableSampler
from mplug2.datasets.transforms import LoadImage, PackInputs, RandAugment, RandomResizedCrop
from mplug2.evaluation import ClassificationMetric
from mplug2.tasks import Classification

with read_base():
    from .._base_.datasets.mini_image import *
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

model.update(tasks=dict(classification=dict(type=Classification, num_classes=10)))
data_root = 'data/mini/imagenet'
images = dict(type=ImageNet, synsets=f'{data_root}/LOC_synset_mapping.txt')
train_dataloader = dict(
    **(batches | dict(batch_size=64)),
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **images,
        data_prefix=f'{data_root}/train',
        pipeline=[
            dict(type=LoadImage),
            dict(type=RandomResizedCrop, size=40, scale=(0.6, 1.0), interpolation='area'),
            dict(type=RandAugment, num_ops=1, magnitude=5),
            dict(type=PackInputs, inputs=['label']),
        ],
    ),
)
tested = dict(test_mode=True, pipeline=[*read, dict(type=PackInputs, fields=['label'])])
val_dataloader = dict(
    batch_size=100,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, data_prefix=f'{data_root}/val', **tested),
)
test_dataloader = dict(
    batch_size=100,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, data_prefix=f'{data_root}/test', **tested),
)
val_evaluator = [dict(type=ClassificationMetric)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='top1')
train_cfg.update(max_iters=2500, val_interval=500)
