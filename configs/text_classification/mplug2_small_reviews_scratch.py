# mPLUG-2 small from scratch, sentiment of movie-review snippets in SST-2's files (tools/data/reviews.py): what
# real weights are compared with. 2 epochs, 32 snippets a step.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import GLUE, ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizePair
from mplug2.evaluation import GLUEMetric
from mplug2.tasks import TextClassification
from mplug2.text import BertTokenizer

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_small import *
    from .._base_.schedules.finetune_language import *

model.update(tasks=dict(classification=dict(type=TextClassification, num_classes=2)))

data_root = 'data/reviews'
tokenizer = dict(type=BertTokenizer, policy='bert_pair')
sentence = dict(type=TokenizePair, tokenizer=tokenizer, first='sentence1', max_length=64)
snippets = dict(type=GLUE, task='sst2')
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**snippets, ann_file=f'{data_root}/train.tsv', pipeline=[sentence, dict(type=PackInputs, inputs=['label'])]),
)
tested = dict(**snippets, test_mode=True, pipeline=[sentence, dict(type=PackInputs, fields=['label'])])
val_dataloader = dict(
    batch_size=100,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**tested, ann_file=f'{data_root}/dev.tsv'),
)
test_dataloader = dict(
    batch_size=100,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**tested, ann_file=f'{data_root}/test.tsv'),
)
val_evaluator = [dict(type=GLUEMetric, task='sst2')]
test_evaluator = val_evaluator

optim_wrapper.update(dtype='auto')
optim_wrapper['optimizer'].update(lr=1e-4)
param_scheduler = [dict(warm_up, end=60), dict(decay, begin=60)]
train_cfg.update(max_epochs=2, val_interval=266)
default_hooks['checkpoint'].update(interval=266, save_best='accuracy')
auto_scale_lr.update(base_batch_size=32)
