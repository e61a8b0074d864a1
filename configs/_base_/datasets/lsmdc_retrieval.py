# Text-to-video retrieval on LSMDC, official splits: 101,079 sentences to train on, 1,000 of 7,408 to validate, 1,000 to test.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import LSMDC, ResumableSampler
from mplug2.datasets.transforms import ChooseText, AddMediaId, PackInputs, TokenizeText, TokenizeTexts
from mplug2.engine import RetrievalTestLoop, RetrievalValLoop
from mplug2.evaluation import RetrievalMetric

with read_base():
    from .clips import *

load.update(num_frames=12)
read_train = [load, crop, flip]
read_test = [load, squash]

data_root = 'data/lsmdc'
clips = dict(type=LSMDC, data_prefix=f'{data_root}/videos')
words = dict(tokenizer=tokenizer, instruction='retrieval', clean='caption', max_words=30)
train_dataloader = dict(
    batch_size=24,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **clips,
        ann_file=f'{data_root}/LSMDC16_annos_training.csv',
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
    dataset=dict(**clips, ann_file=f'{data_root}/LSMDC16_annos_val.csv', indices=1000, **gallery),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**clips, ann_file=f'{data_root}/LSMDC16_challenge_1000_publictect.csv', **gallery),
)
val_cfg = dict(type=RetrievalValLoop, top_k=32)
test_cfg = dict(type=RetrievalTestLoop, top_k=256)
val_evaluator = [dict(type=RetrievalMetric)]
test_evaluator = val_evaluator
