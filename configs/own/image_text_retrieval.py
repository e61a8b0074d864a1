# Your own images by texts and texts by images: captions are what is found, and sought. Copy this file and change paths, steps
# and sizes; `mplug2 data check` reads the data first.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.checkpoints import MPlug2Weights
from mplug2.datasets import JsonlDataset, ResumableSampler
from mplug2.datasets.transforms import AddMediaId, ChooseText, PackInputs, TokenizeText, TokenizeTexts
from mplug2.engine import RetrievalTestLoop, RetrievalValLoop
from mplug2.evaluation import RetrievalMetric
from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import Retrieval

with read_base():
    from mplug2.configs._base_.datasets.images import *
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.models.mplug2_base import *
    from mplug2.configs._base_.schedules.finetune import *

model.update(
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            contrastive=dict(type=MomentumContrast, momentum=0.995, queue_size=65536, distill_alpha=0.4),
            matching=dict(type=HardNegativeMatching),
        )
    ),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', absent=['tasks.*']),
)
own = dict(type=JsonlDataset, ann_file='data/own/own.jsonl', data_prefix='data/own')
load.update(orient=True)  # photographs are turned as their EXIF says
read_train = [load, crop, flip]
read_test = [load, shorter, centre]
model['network']['vision_encoder'].update(image_size=336)
words = dict(tokenizer=tokenizer, instruction='retrieval', clean='caption', max_words=30)
chosen_text = dict(type=TokenizeText, key='caption', **words)
every_text = dict(type=TokenizeTexts, key='captions', **words)
chosen = [dict(type=AddMediaId), dict(type=ChooseText), chosen_text, dict(type=PackInputs, inputs=['media_id'])]
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**own, split='train', each='caption', pipeline=[*read_train, *chosen]),
)
tested = dict(test_mode=True, pipeline=[*read_test, every_text, dict(type=PackInputs, fields=['texts'])])
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
val_cfg = dict(type=RetrievalValLoop, top_k=16)
test_cfg = dict(type=RetrievalTestLoop, top_k=256)
val_evaluator = [dict(type=RetrievalMetric)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='text_to_image_R@1')
train_cfg.update(max_epochs=10, val_interval=500)
auto_scale_lr.update(base_batch_size=128)
