# Summaries of your own texts. Copy this file and change paths, steps and sizes; `mplug2 data check` reads the data first.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.checkpoints import MPlug2Weights
from mplug2.datasets import JsonlDataset, ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizePair, TokenizeTarget
from mplug2.evaluation import RougeMetric
from mplug2.tasks import Summarization
from mplug2.text import BertTokenizer

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.models.mplug2_base import *
    from mplug2.configs._base_.schedules.finetune_language import *

model.update(
    tasks=dict(summarization=dict(type=Summarization, generation=dict(num_beams=5, min_length=1, max_length=64))),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
own = dict(type=JsonlDataset, ann_file='data/own/own.jsonl', target='summaries')
tokenizer = dict(type=BertTokenizer, policy='bert_pair')
document = dict(type=TokenizePair, tokenizer=tokenizer, first='document', instruction='summarization', max_length=512)
target = dict(type=TokenizeTarget, tokenizer=tokenizer, key='summaries', choose='first', max_length=64)
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**own, split='train', pipeline=[document, target, dict(type=PackInputs)]),
)
tested = dict(test_mode=True, pipeline=[document, dict(type=PackInputs, fields=['summaries'])])
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
val_evaluator = [dict(type=RougeMetric)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='ROUGE-L')
train_cfg.update(max_epochs=10, val_interval=500)
auto_scale_lr.update(base_batch_size=128)
