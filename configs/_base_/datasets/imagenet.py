# ImageNet-1K as published: training images in class folders, validation images in one folder beside LOC_val_solution.csv.
# 224 pixels; training crops, flips, augments and erases at random, tests take the middle.
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ImageNet, ResumableSampler
from mplug2.datasets.transforms import (
    CenterCrop,
    HorizontalFlip,
    LoadImage,
    PackInputs,
    RandAugment,
    RandomErasing,
    RandomResizedCrop,
    ResizeShorter,
)
from mplug2.evaluation import ClassificationMetric

data_root = 'data/imagenet'
load = dict(type=LoadImage, orient=False)
crop = dict(type=RandomResizedCrop, size=224, scale=(0.08, 1.0), interpolation='bicubic')
flip = dict(type=HorizontalFlip, prob=0.5)
augment = dict(type=RandAugment, num_ops=2, magnitude=9)
erase = dict(type=RandomErasing, prob=0.25)
shorter = dict(type=ResizeShorter, size=256)
centre = dict(type=CenterCrop, size=224)
labelled = dict(type=PackInputs, inputs=['label'])
scored = dict(type=PackInputs, fields=['label'])
read_train = [load, crop, flip, augment, erase]
read_test = [load, shorter, centre]
train_dataloader = dict(
    batch_size=512,
    num_workers=12,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        type=ImageNet,
        synsets=f'{data_root}/LOC_synset_mapping.txt',
        data_prefix=f'{data_root}/train',
        pipeline=[*read_train, labelled],
    ),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=ImageNet,
        synsets=f'{data_root}/LOC_synset_mapping.txt',
        solution=f'{data_root}/LOC_val_solution.csv',
        data_prefix=f'{data_root}/val',
        test_mode=True,
        pipeline=[*read_test, scored],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type=ClassificationMetric)]
test_evaluator = val_evaluator
