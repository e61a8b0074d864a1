# Video classification on the mini benchmark, in Kinetics' lists and by mmaction2's transforms: the motion of a digit is the
# action, one of twelve. Mirrored clips have the mirrored motion.
from mmaction.datasets.transforms import (
    Flip,
    FormatShape,
    PackActionInputs,
    RandomResizedCrop,
    Resize,
    UniformSample,
)
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import Kinetics, ResumableSampler
from mplug2.datasets.transforms import ActionPipeline, ColorJitter, DecodeClip, OpenClip, PackInputs
from mplug2.evaluation import ClassificationMetric
from mplug2.tasks import Classification

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

moves = [f'moves {way} {pace}' for way in ('left', 'right', 'up', 'down') for pace in ('slowly', 'quickly')]
motions = [*moves, 'grows', 'shrinks', 'appears', 'stays still']  # the lines of label_map.txt
model.update(tasks=dict(classification=dict(type=Classification, num_classes=len(motions), media='video')))

mirrored = [
    dict(type=Flip, flip_ratio=0.5, direction='horizontal', flip_label_map={0: 2, 1: 3, 2: 0, 3: 1}),
    dict(type=Flip, flip_ratio=0.5, direction='vertical', flip_label_map={4: 6, 5: 7, 6: 4, 7: 5}),
]
small = dict(type=Resize, scale=(40, 40), keep_ratio=False, interpolation='area')
packed = [dict(type=FormatShape, input_format='NCTHW'), dict(type=PackActionInputs)]
sample = dict(type=UniformSample, clip_len=4)
augment = [
    dict(type=DecodeClip),
    dict(type=RandomResizedCrop, area_range=(0.8, 1.0), aspect_ratio_range=(0.9, 1.1)),
    small,
    *mirrored,
    *packed,
]
sample_test = dict(type=UniformSample, clip_len=4, num_clips=2, test_mode=True)
fit = [dict(type=DecodeClip), small, *packed]
read_train = dict(type=ActionPipeline, steps=[dict(type=OpenClip), sample, *augment], classes=motions)
read_test = dict(type=ActionPipeline, steps=[dict(type=OpenClip), sample_test, *fit])
colours = dict(type=ColorJitter, brightness=0.3, contrast=0.3, saturation=0.3)
labelled = dict(type=PackInputs, inputs=['label'])
scored = dict(type=PackInputs, fields=['label'])
clips = dict(type=Kinetics, data_prefix='data/mini/msvd/videos', metainfo=dict(classes=motions))
train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **clips,
        ann_file='data/mini/kinetics/kinetics_train_list_videos.txt',
        pipeline=[read_train, colours, labelled],
    ),
)
tested = dict(test_mode=True, pipeline=[read_test, scored])
val_dataloader = dict(
    batch_size=50,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**clips, ann_file='data/mini/kinetics/kinetics_val_list_videos.txt', **tested),
)
test_dataloader = dict(
    batch_size=50,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**clips, ann_file='data/mini/kinetics/kinetics_test_list_videos.txt', **tested),
)
val_evaluator = [dict(type=ClassificationMetric)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='top1')
auto_scale_lr.update(base_batch_size=32)
train_cfg.update(max_iters=1000, val_interval=500)
