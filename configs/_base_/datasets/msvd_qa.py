# MSVD-QA, official splits: 30,933 questions to train on, 6,415 to validate, 13,157 to test.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import MSVDQA, ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizeTarget, TokenizeText
from mplug2.evaluation import ExactMatch

with read_base():
    from .clips import *

data_root = 'data/msvd_qa'
clips = dict(type=MSVDQA, data_prefix='data/msvd/videos', mapping=f'{data_root}/youtube_mapping.txt')
ask = dict(
    type=TokenizeText, tokenizer=tokenizer, key='question', instruction='question_answering', clean='question', max_words=30
)
answer = dict(type=TokenizeTarget, tokenizer=tokenizer, key='answers', choose='all', max_length=10)
train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**clips, ann_file=f'{data_root}/train_qa.json', pipeline=[*read_train, ask, answer, dict(type=PackInputs)]),
)
scored = dict(type=PackInputs, fields=['question', 'question_id', 'answers', 'question_type'])
tested = dict(test_mode=True, pipeline=[*read_test, dict(ask, max_words=50), scored])
val_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**clips, ann_file=f'{data_root}/val_qa.json', **tested),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**clips, ann_file=f'{data_root}/test_qa.json', **tested),
)
val_evaluator = [dict(type=ExactMatch)]
test_evaluator = val_evaluator
