# Image-text retrieval on the mini benchmark, in COCO's files: a gallery of 500 images with distinct descriptions.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import CocoCaption, ResumableSampler
from mplug2.datasets.transforms import ChooseText, AddMediaId, PackInputs, TokenizeText, TokenizeTexts
from mplug2.engine import RetrievalTestLoop, RetrievalValLoop
from mplug2.evaluation import RetrievalMetric
from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import Retrieval

with read_base():
    from .._base_.datasets.mini_image import *
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

model.update(
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media='image',
            projection_dim=128,
            contrastive=dict(type=MomentumContrast, momentum=0.99, queue_size=2048, distill_alpha=0.2),
            matching=dict(type=HardNegativeMatching),
        )
    )
)

data_root = 'data/mini/coco'
images = dict(type=CocoCaption, ann_file=f'{data_root}/annotations/dataset_coco.json', data_prefix=data_root)
words = dict(tokenizer=tokenizer, instruction='retrieval', clean='caption', max_words=40)
train_dataloader = dict(
    **(batches | dict(batch_size=64)),
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **images,
        split='train',
        pipeline=[
            *read,
            dict(type=AddMediaId),
            dict(type=ChooseText),
            dict(type=TokenizeText, key='caption', **words),
            dict(type=PackInputs, inputs=['media_id']),
        ],
    ),
)
gallery = dict(
    test_mode=True,
    pipeline=[*read, dict(type=TokenizeTexts, key='captions', **words), dict(type=PackInputs, fields=['texts'])],
)
val_dataloader = dict(
    batch_size=50,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='val', **gallery),
)
test_dataloader = dict(
    batch_size=50,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='test', **gallery),
)
val_cfg = dict(type=RetrievalValLoop, top_k=16)
test_cfg = dict(type=RetrievalTestLoop, top_k=64)
val_evaluator = [dict(type=RetrievalMetric)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='text_to_image_R@1')
train_cfg.update(max_iters=4000, val_interval=2000)
