# Questions about your own texts, answered by their words; answers=[] where a text does not say. Copy this file and change
# paths, steps and sizes; `mplug2 data check` reads the data first.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.checkpoints import MPlug2Weights
from mplug2.datasets import JsonlDataset, ResumableSampler
from mplug2.datasets.transforms import AnswerWindows, PackInputs
from mplug2.evaluation import SQuADMetric
from mplug2.tasks import TextQA
from mplug2.text import BertTokenizer

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.models.mplug2_base import *
    from mplug2.configs._base_.schedules.finetune_language import *

model.update(
    tasks=dict(text_qa=dict(type=TextQA, unanswerable=True)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
own = dict(type=JsonlDataset, ann_file='data/own/own.jsonl', target='answers')
windows = dict(
    type=AnswerWindows,
    tokenizer=dict(type=BertTokenizer, policy='bert_pair'),
    instruction='question_answering',
    max_length=384,
    stride=128,
)
scored = dict(type=PackInputs, fields=['question', 'question_id', 'context', 'answers', 'windows'])
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**own, split='train', pipeline=[windows, dict(type=PackInputs, inputs=['span'])]),
)
tested = dict(test_mode=True, pipeline=[windows, scored])
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**own, split='val', **tested),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**own, split='test', **tested),
)
val_evaluator = [dict(type=SQuADMetric)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='F1')
train_cfg.update(max_epochs=10, val_interval=500)
auto_scale_lr.update(base_batch_size=128)
