# mPLUG-2 small from scratch, retrieval of Tux Paint's stamps: what real weights are compared with. 112 pixels, 150 steps of 32.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ResumableSampler
from mplug2.datasets.transforms import ChooseText, AddMediaId, PackInputs, TokenizeText, TokenizeTexts
from mplug2.engine import RetrievalTestLoop, RetrievalValLoop, TrainLoop
from mplug2.evaluation import RetrievalMetric
from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import Retrieval

with read_base():
    from .._base_.datasets.stamps import *
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_small import *
    from .._base_.schedules.finetune import *

# A queue of half the training images, and a momentum encoder that keeps up with so few steps.
model.update(
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media='image',
            contrastive=dict(type=MomentumContrast, momentum=0.95, queue_size=256, distill_alpha=0.2),
            matching=dict(type=HardNegativeMatching),
        )
    )
)
model['network']['vision_encoder'].update(image_size=112)

words = dict(tokenizer=tokenizer, instruction='retrieval', clean='caption', max_words=20)
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **images,
        split='train',
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
    batch_size=40,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='val', **gallery),
)
test_dataloader = dict(
    batch_size=40,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**images, split='test', **gallery),
)
val_cfg = dict(type=RetrievalValLoop, top_k=16)
test_cfg = dict(type=RetrievalTestLoop, top_k=16)
val_evaluator = [dict(type=RetrievalMetric)]
test_evaluator = val_evaluator

optim_wrapper.update(dtype='auto')
optim_wrapper['optimizer'].update(lr=1e-4, weight_decay=0.05)
param_scheduler = [dict(warm_up, end=15), dict(decay, begin=15, eta_min=1e-6)]
train_cfg = dict(type=TrainLoop, max_iters=150, val_interval=50)
default_hooks['logger'].update(interval=10)
# Before re-ranking: matching learns from pairs that embeddings confuse, so later than they do.
default_hooks['checkpoint'].update(interval=50, save_best='dual_R@mean')
auto_scale_lr.update(base_batch_size=32)
