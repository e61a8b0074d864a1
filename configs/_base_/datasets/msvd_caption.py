# MSVD captions, the usual splits: 1,200 clips to train on, 100 to validate, 670 to test.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import MSVDCaption, ResumableSampler
from mplug2.datasets.transforms import AddConstant, PackInputs, TokenizeTarget, TokenizeText
from mplug2.evaluation import CaptionMetric

with read_base():
    from .clips import *

data_root = 'data/msvd'
clips = dict(type=MSVDCaption, ann_file=f'{data_root}/AllVideoDescriptions.txt', data_prefix=f'{data_root}/videos')
ask = [
    dict(type=AddConstant, key='prompt', value='what does the video describe ?'),
    dict(type=TokenizeText, tokenizer=tokenizer, key='prompt', instruction='captioning'),
]
target = dict(type=TokenizeTarget, tokenizer=tokenizer, key='captions', clean='caption', max_length=25)
scored = dict(type=PackInputs, fields=['captions'])
train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **clips,
        split_file=f'{data_root}/train_list.txt',
        each='caption',
        pipeline=[*read_train, *ask, target, dict(type=PackInputs)],
    ),
)
tested = dict(test_mode=True, pipeline=[*read_test, *ask, scored])
val_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**clips, split_file=f'{data_root}/val_list.txt', **tested),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**clips, split_file=f'{data_root}/test_list.txt', **tested),
)
val_evaluator = [dict(type=CaptionMetric, meteor=False)]
test_evaluator = [dict(type=CaptionMetric, spice=True)]
