# Summarization on the mini benchmark, in Gigaword's files: what is large in each of two or three images?
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import Gigaword, ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizePair, TokenizeTarget
from mplug2.evaluation import RougeMetric
from mplug2.tasks import Summarization
from mplug2.text import BertTokenizer

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

model.update(tasks=dict(summarization=dict(type=Summarization, generation=dict(num_beams=3, min_length=4, max_length=24))))

data_root = 'data/mini/gigaword'
tokenizer = dict(type=BertTokenizer, vocab='mini')
document = dict(type=TokenizePair, tokenizer=tokenizer, first='document', instruction='summarization', max_length=64)
target = dict(type=TokenizeTarget, tokenizer=tokenizer, key='summaries', choose='first', max_length=32)
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        type=Gigaword,
        source=f'{data_root}/train.src.txt',
        target=f'{data_root}/train.tgt.txt',
        pipeline=[document, target, dict(type=PackInputs)],
    ),
)
tested = dict(type=Gigaword, test_mode=True, pipeline=[document, dict(type=PackInputs, fields=['summaries'])])
val_dataloader = dict(
    batch_size=125,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**tested, source=f'{data_root}/dev.src.txt', target=f'{data_root}/dev.tgt.txt'),
)
test_dataloader = dict(
    batch_size=125,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**tested, source=f'{data_root}/test.src.txt', target=f'{data_root}/test.tgt.txt'),
)
val_evaluator = [dict(type=RougeMetric, gigaword=True)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='ROUGE-L')
find_unused_parameters = True  # the universal layers' queries and cross-attention serve vision
train_cfg.update(max_iters=800, val_interval=400)
