# Classes of your own texts, or of pairs of them: labels are names or numbers, and num_classes is how many. Copy this file and
# change paths, steps and sizes; `mplug2 data check` reads the data first.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.checkpoints import MPlug2Weights
from mplug2.datasets import JsonlDataset, ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizePair
from mplug2.evaluation import GLUEMetric
from mplug2.tasks import TextClassification
from mplug2.text import BertTokenizer

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.models.mplug2_base import *
    from mplug2.configs._base_.schedules.finetune_language import *

model.update(
    tasks=dict(text_classification=dict(type=TextClassification, num_classes=2)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
own = dict(type=JsonlDataset, ann_file='data/own/own.jsonl', target='label')
texts = dict(
    type=TokenizePair,
    tokenizer=dict(type=BertTokenizer, policy='bert_pair'),
    first='sentence1',
    second='sentence2',  # None for single texts
    instruction='classification',
    max_length=128,
)
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**own, split='train', pipeline=[texts, dict(type=PackInputs, inputs=['label'])]),
)
tested = dict(test_mode=True, pipeline=[texts, dict(type=PackInputs, fields=['label'])])
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
val_evaluator = [dict(type=GLUEMetric)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='accuracy')
train_cfg.update(max_epochs=10, val_interval=500)
auto_scale_lr.update(base_batch_size=128)
