# COCO captions, Karpathy's split: 113,287 images to train on, 5,000 each to validate and test; 384 pixels.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import CocoCaption, ResumableSampler
from mplug2.datasets.transforms import AddConstant, PackInputs, TokenizeTarget, TokenizeText
from mplug2.evaluation import CaptionMetric

with read_base():
    from .images import *

for step in (*read_train, *read_test):
    if 'size' in step:
        step.update(size=384)
del step

data_root = 'data/coco'
images = dict(type=CocoCaption, ann_file=f'{data_root}/annotations/dataset_coco.json', data_prefix=data_root)
ask = [
    dict(type=AddConstant, key='prompt', value='what does the image describe ?'),
    dict(type=TokenizeText, tokenizer=tokenizer, key='prompt', instruction='captioning'),
]
target = dict(type=TokenizeTarget, tokenizer=tokenizer, key='captions', clean='caption', max_length=25)
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**images, split='train', each='caption', pipeline=[*read_train, *ask, target, dict(type=PackInputs)]),
)
tested = dict(test_mode=True, pipeline=[*read_test, *ask, dict(type=PackInputs, fields=['captions'])])
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='val', **tested),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='test', **tested),
)
val_evaluator = [dict(type=CaptionMetric, meteor=False)]
test_evaluator = [dict(type=CaptionMetric, spice=True, out_file='coco_captions_karpathy_test.json')]
