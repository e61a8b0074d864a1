# What the transfer sets of Table 16 share: 224 pixels, random crops of at least a quarter of the image, flips and RandAugment
# in training, the middle in tests. A config names the data set. There is no validation split, so the last checkpoint counts.
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ResumableSampler
from mplug2.datasets.transforms import (
    CenterCrop,
    HorizontalFlip,
    LoadImage,
    PackInputs,
    RandAugment,
    RandomResizedCrop,
    ResizeShorter,
)
from mplug2.evaluation import ClassificationMetric

load = dict(type=LoadImage, orient=False)
crop = dict(type=RandomResizedCrop, size=224, scale=(0.25, 1.0), interpolation='bicubic')
flip = dict(type=HorizontalFlip, prob=0.5)
augment = dict(type=RandAugment, num_ops=2, magnitude=9)
shorter = dict(type=ResizeShorter, size=224)
centre = dict(type=CenterCrop, size=224)
labelled = dict(type=PackInputs, inputs=['label'])
scored = dict(type=PackInputs, fields=['label'])
read_train = [load, crop, flip, augment]
read_test = [load, shorter, centre]
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(pipeline=[*read_train, labelled]),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(test_mode=True, pipeline=[*read_test, scored]),
)
test_evaluator = [dict(type=ClassificationMetric)]
val_dataloader = val_cfg = val_evaluator = None
