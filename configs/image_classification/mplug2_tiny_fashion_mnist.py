# The tiny network on Fashion-MNIST, from scratch, 28 pixels in patches of 4: 6,400 steps of 32 pictures, under four epochs, so
# that no augmentation is needed.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import FashionMNIST, ResumableSampler
from mplug2.datasets.transforms import PackInputs
from mplug2.evaluation import ClassificationMetric
from mplug2.tasks import Classification

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

model['network']['vision_encoder'].update(image_size=28, patch_size=4, temporal=None)
model.update(tasks=dict(classification=dict(type=Classification, classes=10)))
data_root = 'data/fashion-mnist'
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        type=FashionMNIST,
        split='train',
        data_prefix=data_root,
        pipeline=[dict(type=PackInputs, inputs=['label'])],
    ),
)
test_dataloader = dict(
    batch_size=250,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=FashionMNIST,
        split='test',
        data_prefix=data_root,
        test_mode=True,
        pipeline=[dict(type=PackInputs, fields=['label'])],
    ),
)
test_evaluator = [dict(type=ClassificationMetric)]
val_dataloader = val_cfg = val_evaluator = None
auto_scale_lr.update(base_batch_size=32)
train_cfg.update(max_iters=6400)
