# Text question answering on the mini benchmark, in SQuAD 2.0's files: a quarter of the questions have no answer. Texts are
# up to 110 tokens long and read in windows of 64. On them alone a small network learns which sentence is meant and guesses
# within it; one that has learned to compare a question with a text, from entailment and then from short texts, learns it all.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ResumableSampler, SQuAD
from mplug2.datasets.transforms import AnswerWindows, PackInputs
from mplug2.evaluation import SQuADMetric
from mplug2.tasks import TextQA
from mplug2.text import BertTokenizer

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

model.update(tasks=dict(answering=dict(type=TextQA, max_answer=3)))

data_root = 'data/mini/squad'
tokenizer = dict(type=BertTokenizer, vocab='mini')
windows = dict(type=AnswerWindows, tokenizer=tokenizer, instruction='question_answering', max_length=64, stride=24)
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        type=SQuAD, ann_file=f'{data_root}/train-v2.0.json', pipeline=[windows, dict(type=PackInputs, inputs=['span'])]
    ),
)
val_dataloader = dict(
    batch_size=100,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=SQuAD,
        ann_file=f'{data_root}/dev-v2.0.json',
        test_mode=True,
        pipeline=[windows, dict(type=PackInputs, fields=['question', 'question_id', 'context', 'answers', 'windows'])],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type=SQuADMetric)]
test_evaluator = val_evaluator
find_unused_parameters = True  # the universal layers' queries and cross-attention serve vision
train_cfg.update(max_iters=1600, val_interval=800)
load_from = 'work_dirs/mini/text_qa_short'
