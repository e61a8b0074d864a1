# Visual grounding on the mini benchmark, in the files of RefCOCO, RefCOCO+ and RefCOCOg: trained on the three together, as
# the paper's first stage, and tested on RefCOCOg's test split, whose phrases are the longest.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import RefCOCO, ResumableSampler
from mplug2.datasets.transforms import BoxTarget, PackInputs, TokenizeText
from mplug2.evaluation import GroundingMetric
from mplug2.tasks import Grounding

with read_base():
    from .._base_.datasets.mini_image import *
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

locations = dict(num_bins=65, first='[unused1]', marker='[unused0]')
model.update(tasks=dict(grounding=dict(type=Grounding, locations=locations)))

data_root = 'data/mini'
every = [f'{data_root}/refcoco/{name}/refs.json' for name in ('refcoco', 'refcoco+', 'refcocog')]
phrases = dict(
    type=RefCOCO,
    instances=[f'{data_root}/coco/annotations/instances_{name}.json' for name in ('train2014', 'minival2014', 'val2014')],
    data_prefix=f'{data_root}/coco',
)
words = dict(type=TokenizeText, tokenizer=tokenizer, key='phrase', instruction='grounding', clean='question', max_words=40)
boxes = dict(type=BoxTarget, tokenizer=tokenizer, locations=locations)
train_dataloader = dict(
    **batches,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**phrases, refs=every, split='train', exclude=every, pipeline=[*read, words, boxes, dict(type=PackInputs)]),
)
tested = dict(test_mode=True, pipeline=[*read, words, boxes, dict(type=PackInputs, fields=['phrase', 'box'])])
val_dataloader = dict(
    batch_size=50,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**phrases, refs=f'{data_root}/refcoco/refcocog/refs.json', split='val', **tested),
)
test_dataloader = dict(
    batch_size=50,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**phrases, refs=f'{data_root}/refcoco/refcocog/refs.json', split='test', **tested),
)
val_evaluator = [dict(type=GroundingMetric)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='accuracy@0.5')
auto_scale_lr.update(base_batch_size=32)
train_cfg.update(max_iters=4200, val_interval=2100)
