# The first stage of grounding: the training splits of RefCOCO, RefCOCO+ and RefCOCOg together, without any image that one of
# them validates or tests on; 336 pixels. Crops keep the object; tests squash, so that nothing is lost.
from mmengine.dataset import DefaultSampler

from mplug2.datasets import RefCOCO, ResumableSampler
from mplug2.datasets.transforms import (
    BoxTarget,
    HorizontalFlip,
    LoadImage,
    BoxSafeResizedCrop,
    PackInputs,
    Resize,
    TokenizeText,
)
from mplug2.evaluation import GroundingMetric
from mplug2.text import BertTokenizer

tokenizer = dict(type=BertTokenizer)
locations = dict(num_bins=337, first='[unused340]', marker='[unused339]')
data_root = 'data/refcoco'
every = [f'{data_root}/{name}/refs.json' for name in ('refcoco', 'refcoco+', 'refcocog')]
phrases = dict(
    type=RefCOCO,
    instances=[f'{data_root}/{name}/instances.json' for name in ('refcoco', 'refcoco+', 'refcocog')],
    data_prefix='data/coco',
)
words = dict(type=TokenizeText, tokenizer=tokenizer, key='phrase', instruction='grounding', clean='question', max_words=40)
boxes = dict(type=BoxTarget, tokenizer=tokenizer, locations=locations)
read_train = [
    dict(type=LoadImage, orient=False),
    dict(type=BoxSafeResizedCrop, size=336, scale=(0.5, 1.0), interpolation='bicubic'),
    dict(type=HorizontalFlip, prob=0.5, texts=['phrase']),
]
read_test = [dict(type=LoadImage, orient=False), dict(type=Resize, size=336, interpolation='bicubic')]
pack = dict(type=PackInputs)
scored = dict(type=PackInputs, fields=['phrase', 'box'])
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **phrases,
        refs=every,
        split='train',
        exclude=every,
        pipeline=[*read_train, words, boxes, pack],
    ),
)
tested = dict(
    test_mode=True,
    pipeline=[*read_test, words, boxes, scored],
)
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**phrases, refs=f'{data_root}/refcocog/refs.json', split='val', **tested),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**phrases, refs=f'{data_root}/refcocog/refs.json', split='test', **tested),
)
val_evaluator = [dict(type=GroundingMetric)]
test_evaluator = val_evaluator
