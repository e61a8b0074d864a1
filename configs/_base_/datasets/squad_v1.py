# SQuAD 1.1: every question has an answer in its text. Windows of 384 tokens, each 128 tokens after the one before (as Devlin et
# al.). There is no public test split: dev is scored, with the last checkpoint. Batch sizes are those of one process.
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ResumableSampler, SQuAD
from mplug2.datasets.transforms import AnswerWindows, PackInputs
from mplug2.evaluation import SQuADMetric
from mplug2.text import BertTokenizer

data_root = 'data/squad'
windows = dict(
    type=AnswerWindows,
    tokenizer=dict(type=BertTokenizer, policy='bert_pair'),
    instruction='question_answering',
    max_length=384,
    stride=128,
)
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        type=SQuAD, ann_file=f'{data_root}/train-v1.1.json', pipeline=[windows, dict(type=PackInputs, inputs=['span'])]
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=SQuAD,
        ann_file=f'{data_root}/dev-v1.1.json',
        test_mode=True,
        pipeline=[windows, dict(type=PackInputs, fields=['question', 'question_id', 'context', 'answers', 'windows'])],
    ),
)
test_evaluator = [dict(type=SQuADMetric, out_file='squad_v1_predictions.json')]
val_dataloader = val_cfg = val_evaluator = None
