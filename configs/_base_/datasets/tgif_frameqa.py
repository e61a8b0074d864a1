# FrameQA of TGIF-QA: 39,392 questions to train on, those about a tenth of the GIFs held out to validate, 13,691 to test.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import TGIFFrameQA, ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizeTarget, TokenizeText
from mplug2.evaluation import ExactMatch

with read_base():
    from .clips import *

data_root = 'data/tgif_qa'
clips = dict(type=TGIFFrameQA, data_prefix=f'{data_root}/videos')
ask = dict(
    type=TokenizeText, tokenizer=tokenizer, key='question', instruction='question_answering', clean='question', max_words=30
)
answer = dict(type=TokenizeTarget, tokenizer=tokenizer, key='answers', choose='all', max_length=10)
train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **clips,
        ann_file=f'{data_root}/Train_frameqa_question.csv',
        split='train',
        pipeline=[*read_train, ask, answer, dict(type=PackInputs)],
    ),
)
tested = dict(
    test_mode=True,
    pipeline=[
        *read_test,
        dict(ask, max_words=50),
        dict(type=PackInputs, fields=['question', 'question_id', 'answers', 'question_type']),
    ],
)
val_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**clips, ann_file=f'{data_root}/Train_frameqa_question.csv', split='val', **tested),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**clips, ann_file=f'{data_root}/Test_frameqa_question.csv', split='test', **tested),
)
val_evaluator = [dict(type=ExactMatch)]
test_evaluator = val_evaluator
