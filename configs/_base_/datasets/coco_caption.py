# COCO captions, Karpathy's split: 113,287 images to train on, 5,000 each to validate and test; 384 pixels.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import CocoCaption, ResumableSampler
from mplug2.datasets.transforms import AddConstant, PackInputs, TokenizeTarget, TokenizeText
from mplug2.evaluation import CaptionMetric

with read_base():
    from .images import *

read_train = [load, dict(crop, size=384), flip]
read_test = [load, dict(shorter, size=384), dict(centre, size=384)]

data_root = 'data/coco'
images = dict(type=CocoCaption, ann_file=f'{data_root}/annotations/dataset_coco.json', data_prefix=data_root)
ask = [
    dict(type=AddConstant, key='prompt', value='what does the image describe ?'),
    dict(type=TokenizeText, tokenizer=tokenizer, key='prompt', instruction='captioning'),
]
target = dict(type=TokenizeTarget, tokenizer=tokenizer, key='captions', clean='caption', max_length=25)
pack = dict(type=PackInputs)
scored = dict(type=PackInputs, fields=['captions'])
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**images, split='train', each='caption', pipeline=[*read_train, *ask, target, pack]),
)
tested = dict(test_mode=True, pipeline=[*read_test, *ask, scored])
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
