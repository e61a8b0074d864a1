# The tiny network on Fashion-MNIST, from scratch, 30 pixels in patches of 6: 5,500 steps of 64 images, six epochs.
# Tests average over each image as it is and mirrored.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import FashionMNIST, ResumableSampler
from mplug2.datasets.transforms import HorizontalFlip, MultiCrop, PackInputs, Resize
from mplug2.evaluation import ClassificationMetric
from mplug2.tasks import Classification

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

model['network']['vision_encoder'].update(image_size=30, patch_size=6, temporal=None)
model.update(tasks=dict(classification=dict(type=Classification, num_classes=10)))
data_root = 'data/fashion-mnist'
resize = dict(type=Resize, size=30)
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        type=FashionMNIST,
        split='train',
        data_prefix=data_root,
        pipeline=[dict(type=HorizontalFlip, prob=0.5), resize, dict(type=PackInputs, inputs=['label'])],
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
        pipeline=[resize, dict(type=MultiCrop, size=30, num_crops=2), dict(type=PackInputs, fields=['label'])],
    ),
)
test_evaluator = [dict(type=ClassificationMetric)]
val_dataloader = val_cfg = val_evaluator = None
train_cfg.update(max_iters=5500)
