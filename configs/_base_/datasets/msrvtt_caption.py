# MSRVTT captions as the paper splits them, as for retrieval: 9,000 clips to train on, 1,000 (1k-A, all 20 captions) to test.
# There is no validation split, so the last checkpoint counts.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import MSRVTTCaption, ResumableSampler
from mplug2.datasets.transforms import AddConstant, PackInputs, TokenizeTarget, TokenizeText
from mplug2.evaluation import CaptionMetric

with read_base():
    from .clips import *

data_root = 'data/msrvtt'
clips = dict(
    type=MSRVTTCaption,
    ann_file=[f'{data_root}/train_val_videodatainfo.json', f'{data_root}/test_videodatainfo.json'],
    data_prefix=f'{data_root}/videos',
)
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
        split='9k',
        ids=f'{data_root}/MSRVTT_train.9k.csv',
        each='caption',
        pipeline=[*read_train, *ask, target, dict(type=PackInputs)],
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        **clips,
        split='1k-A',
        ids=f'{data_root}/MSRVTT_JSFUSION_test.csv',
        test_mode=True,
        pipeline=[*read_test, *ask, scored],
    ),
)
test_evaluator = [dict(type=CaptionMetric, spice=True, out_file='msrvtt_captions.json', file_format='msrvtt')]
val_dataloader = val_cfg = val_evaluator = None
