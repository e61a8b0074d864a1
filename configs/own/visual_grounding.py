# Boxes of what phrases refer to in your own images. Copy this file and change paths, steps and sizes; `mplug2 data check`
# reads the data first.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.checkpoints import MPlug2Weights
from mplug2.datasets import JsonlDataset, ResumableSampler
from mplug2.datasets.transforms import (
    BoxSafeResizedCrop,
    BoxTarget,
    HorizontalFlip,
    LoadImage,
    PackInputs,
    Resize,
    TokenizeText,
)
from mplug2.evaluation import GroundingMetric
from mplug2.tasks import Grounding
from mplug2.text import BertTokenizer

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.models.mplug2_base import *
    from mplug2.configs._base_.schedules.finetune import *

model.update(
    tasks=dict(grounding=dict(type=Grounding, locations=dict(num_bins=337, first='[unused340]', marker='[unused339]'))),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
own = dict(type=JsonlDataset, ann_file='data/own/own.jsonl', data_prefix='data/own', target='boxes')
model['network']['vision_encoder'].update(image_size=336)
tokenizer, locations = dict(type=BertTokenizer), model['tasks']['grounding']['locations']
words = dict(type=TokenizeText, tokenizer=tokenizer, key='phrase', instruction='grounding', clean='question', max_words=40)
boxes = dict(type=BoxTarget, tokenizer=tokenizer, locations=locations)
read_train = [
    dict(type=LoadImage),
    dict(type=BoxSafeResizedCrop, size=336, scale=(0.5, 1.0), interpolation='bicubic'),  # keeps the object
    dict(type=HorizontalFlip, prob=0.5, texts=['phrase']),
]
read_test = [dict(type=LoadImage), dict(type=Resize, size=336, interpolation='bicubic')]
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**own, split='train', pipeline=[*read_train, words, boxes, dict(type=PackInputs)]),
)
tested = dict(test_mode=True, pipeline=[*read_test, words, boxes, dict(type=PackInputs, fields=['phrase', 'box'])])
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
val_evaluator = [dict(type=GroundingMetric)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='accuracy@0.5')
train_cfg.update(max_epochs=10, val_interval=500)
auto_scale_lr.update(base_batch_size=128)
