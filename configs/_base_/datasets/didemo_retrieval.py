# Paragraph-to-video retrieval on DiDeMo, official splits: 8,395 clips to train on, 1,065 to validate, 1,004 to test.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import DiDeMoParagraph, ResumableSampler
from mplug2.datasets.transforms import ChooseText, AddMediaId, PackInputs, TokenizeText, TokenizeTexts
from mplug2.engine import RetrievalTestLoop, RetrievalValLoop
from mplug2.evaluation import RetrievalMetric

with read_base():
    from .clips import *

load.update(num_frames=12)
read_train = [load, crop, flip]
read_test = [load, squash]

data_root = 'data/didemo'
clips = dict(type=DiDeMoParagraph, data_prefix=f'{data_root}/videos')
words = dict(tokenizer=tokenizer, instruction='retrieval', clean='caption', max_words=64)
train_dataloader = dict(
    batch_size=24,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **clips,
        ann_file=f'{data_root}/train_data.json',
        pipeline=[
            *read_train,
            dict(type=AddMediaId),
            dict(type=ChooseText),
            dict(type=TokenizeText, key='caption', **words),
            dict(type=PackInputs, inputs=['media_id']),
        ],
    ),
)
gallery = dict(
    test_mode=True,
    pipeline=[*read_test, dict(type=TokenizeTexts, key='captions', **words), dict(type=PackInputs, fields=['texts'])],
)
val_dataloader = dict(
    batch_size=16,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**clips, ann_file=f'{data_root}/val_data.json', **gallery),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**clips, ann_file=f'{data_root}/test_data.json', **gallery),
)
val_cfg = dict(type=RetrievalValLoop, top_k=32)
test_cfg = dict(type=RetrievalTestLoop, top_k=256)
val_evaluator = [dict(type=RetrievalMetric)]
test_evaluator = val_evaluator
