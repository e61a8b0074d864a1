# Image captioning, shrunk likewise: the images and annotations of COCO.
from mmengine.config import read_base

from mplug2.datasets import CocoCaption
from mplug2.datasets.transforms import PackInputs, TokenizeTarget, TokenizeText

with read_base():
    from .tiny_captioning import *
    from ...configs._base_.datasets.mini_image import *

model['tasks']['captioning'].update(media='image')
prompt = dict(type=TokenizeText, tokenizer=tokenizer, instruction='captioning')
caption = dict(type=TokenizeTarget, tokenizer=tokenizer, key='captions')
keep_captions = dict(type=PackInputs, fields=['captions'])
for split, loader in (('train', train_dataloader), ('val', val_dataloader), ('test', test_dataloader)):
    loader['dataset'] = dict(
        type=CocoCaption,
        ann_file='data/mini/coco/annotations/dataset_coco.json',
        data_prefix='data/mini/coco',
        split=split,
        test_mode=split != 'train',
        pipeline=[*read, prompt, *([caption] if split == 'train' else []), keep_captions],
    )
del split, loader
