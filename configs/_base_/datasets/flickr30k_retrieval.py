# Image-text retrieval on Flickr30K, Karpathy's split: 29,000 images to train on, 1,014 to validate, 1,000 to test.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import Flickr30K, ResumableSampler
from mplug2.datasets.transforms import ChooseText, AddMediaId, PackInputs, TokenizeText, TokenizeTexts
from mplug2.engine import RetrievalTestLoop, RetrievalValLoop
from mplug2.evaluation import RetrievalMetric

with read_base():
    from .images import *

data_root = 'data/flickr30k'
images = dict(type=Flickr30K, ann_file=f'{data_root}/dataset_flickr30k.json', data_prefix=f'{data_root}/images')
words = dict(tokenizer=tokenizer, instruction='retrieval', clean='caption', max_words=30)
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **images,
        split='train',
        each='caption',
        pipeline=[
            *read_train,
            dict(type=AddMediaId),
            dict(type=ChooseText),
            dict(type=TokenizeText, key='caption', **words),
            dict(type=PackInputs, inputs=['media_id']),
        ],
    ),
)
gallery = dict(
    test_mode=True,
    pipeline=[*read_test, dict(type=TokenizeTexts, key='captions', **words), dict(type=PackInputs, fields=['texts'])],
)
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='val', **gallery),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='test', **gallery),
)
val_cfg = dict(type=RetrievalValLoop, top_k=32)
test_cfg = dict(type=RetrievalTestLoop, top_k=256)
val_evaluator = [dict(type=RetrievalMetric)]
test_evaluator = val_evaluator
