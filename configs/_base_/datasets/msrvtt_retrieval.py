# Text-to-video retrieval on MSRVTT, the 1k-A protocol: 9,000 clips with 20 captions each to train on, 1,000 with one to test.
# The protocol has no validation split, so the last checkpoint counts.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import MSRVTTCaption, MSRVTTRetrieval, ResumableSampler
from mplug2.datasets.transforms import ChooseText, AddMediaId, PackInputs, TokenizeText, TokenizeTexts
from mplug2.engine import RetrievalTestLoop
from mplug2.evaluation import RetrievalMetric

with read_base():
    from .clips import *

load.update(num_frames=12)
read_train = [load, crop, flip]
read_test = [load, squash]

data_root = 'data/msrvtt'
words = dict(tokenizer=tokenizer, instruction='retrieval', clean='caption', max_words=30)
train_dataloader = dict(
    batch_size=24,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        type=MSRVTTCaption,
        ann_file=[f'{data_root}/train_val_videodatainfo.json', f'{data_root}/test_videodatainfo.json'],
        ids=f'{data_root}/MSRVTT_train.9k.csv',
        data_prefix=f'{data_root}/videos',
        split='9k',
        each='caption',
        pipeline=[
            *read_train,
            dict(type=AddMediaId),
            dict(type=ChooseText),
            dict(type=TokenizeText, key='caption', **words),
            dict(type=PackInputs, inputs=['media_id']),
        ],
    ),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=MSRVTTRetrieval,
        ann_file=f'{data_root}/MSRVTT_JSFUSION_test.csv',
        data_prefix=f'{data_root}/videos',
        test_mode=True,
        pipeline=[*read_test, dict(type=TokenizeTexts, key='captions', **words), dict(type=PackInputs, fields=['texts'])],
    ),
)
test_cfg = dict(type=RetrievalTestLoop, top_k=256)
test_evaluator = [dict(type=RetrievalMetric)]
val_dataloader = val_cfg = val_evaluator = None
