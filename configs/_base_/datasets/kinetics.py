# Kinetics-400 by mmaction2's pipeline: 16 frames, every fourth, of 224 pixels. Training takes one clip at random, crops and
# flips; validation one clip and its middle; tests take 4 clips of 3 crops each, whose probabilities are averaged.
from mmaction.datasets.transforms import (
    CenterCrop,
    Flip,
    FormatShape,
    PackActionInputs,
    RandomResizedCrop,
    Resize,
    SampleFrames,
    ThreeCrop,
)
from mmaction.evaluation import AccMetric
from mmengine.dataset import DefaultSampler

from mplug2.datasets import Kinetics, ResumableSampler
from mplug2.datasets.transforms import ActionPipeline, DecodeClip, OpenClip, PackInputs
from mplug2.evaluation import ClassificationMetric

data_root = 'data/kinetics400'
clip = dict(clip_len=16, frame_interval=4)
packed = [dict(type=FormatShape, input_format='NCTHW'), dict(type=PackActionInputs)]
read_train = dict(
    type=ActionPipeline,
    steps=[
        dict(type=OpenClip),
        dict(type=SampleFrames, **clip, num_clips=1),
        dict(type=DecodeClip),
        dict(type=Resize, scale=(-1, 256)),
        dict(type=RandomResizedCrop, area_range=(0.5, 1.0)),
        dict(type=Resize, scale=(224, 224), keep_ratio=False),
        dict(type=Flip, flip_ratio=0.5),
        *packed,
    ],
)
read_val = dict(
    type=ActionPipeline,
    steps=[
        dict(type=OpenClip),
        dict(type=SampleFrames, **clip, num_clips=1, test_mode=True),
        dict(type=DecodeClip),
        dict(type=Resize, scale=(-1, 224)),
        dict(type=CenterCrop, crop_size=224),
        *packed,
    ],
)
read_test = dict(
    type=ActionPipeline,
    steps=[
        dict(type=OpenClip),
        dict(type=SampleFrames, **clip, num_clips=4, test_mode=True),
        dict(type=DecodeClip),
        dict(type=Resize, scale=(-1, 224)),
        dict(type=ThreeCrop, crop_size=224),
        *packed,
    ],
)
answers = dict(type=PackInputs, fields=['label', 'gt_label'])
train_dataloader = dict(
    batch_size=32,
    num_workers=12,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        type=Kinetics,
        ann_file=f'{data_root}/train_list_videos.txt',
        data_prefix=f'{data_root}/videos',
        bad_samples='replace',
        pipeline=[read_train, dict(type=PackInputs, inputs=['label'])],
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=Kinetics,
        ann_file=f'{data_root}/val_list_videos.txt',
        data_prefix=f'{data_root}/videos',
        test_mode=True,
        pipeline=[read_val, answers],
    ),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=Kinetics,
        ann_file=f'{data_root}/val_list_videos.txt',
        data_prefix=f'{data_root}/videos',
        test_mode=True,
        pipeline=[read_test, answers],
    ),
)
val_evaluator = [dict(type=ClassificationMetric), dict(type=AccMetric)]
test_evaluator = val_evaluator
