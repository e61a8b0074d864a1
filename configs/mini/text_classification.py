# Statement entailment on the mini benchmark, in RTE's files: does the description of an image entail a statement? No
# vision encoder is built; dev is for choosing and reporting, as GLUE's is, whose test files have no labels.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import GLUE, ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizePair
from mplug2.evaluation import GLUEMetric
from mplug2.tasks import TextClassification
from mplug2.text import BertTokenizer

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

model.update(tasks=dict(classification=dict(type=TextClassification, num_classes=2)))

data_root = 'data/mini/glue/RTE'
tokenizer = dict(type=BertTokenizer, vocab='mini')
pair = dict(
    type=TokenizePair, tokenizer=tokenizer, first='sentence1', second='sentence2', instruction='classification', max_length=64
)
labelled = dict(type=PackInputs, inputs=['label'])
scored = dict(type=PackInputs, fields=['label', 'index'])
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    sampler=dict(type=ResumableSampler),
    dataset=dict(type=GLUE, task='rte', ann_file=f'{data_root}/train.tsv', pipeline=[pair, labelled]),
)
val_dataloader = dict(
    batch_size=250,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=GLUE,
        task='rte',
        ann_file=f'{data_root}/dev.tsv',
        test_mode=True,
        pipeline=[pair, scored],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type=GLUEMetric, task='rte')]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='accuracy')
find_unused_parameters = True  # the universal layers' queries and cross-attention serve vision
train_cfg.update(max_iters=4000, val_interval=500)
