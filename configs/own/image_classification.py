# Classes of your own images: labels are names or numbers, and num_classes is how many. Copy this file and change paths, steps
# and sizes; `mplug2 data check` reads the data first.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.checkpoints import MPlug2Weights
from mplug2.datasets import JsonlDataset, ResumableSampler
from mplug2.datasets.transforms import PackInputs
from mplug2.evaluation import ClassificationMetric
from mplug2.tasks import Classification

with read_base():
    from mplug2.configs._base_.datasets.images import *
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.models.mplug2_base import *
    from mplug2.configs._base_.schedules.finetune import *

model.update(
    tasks=dict(classification=dict(type=Classification, num_classes=10)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
own = dict(type=JsonlDataset, ann_file='data/own/own.jsonl', data_prefix='data/own', target='label')
load.update(orient=True)  # photographs are turned as their EXIF says
read_train = [load, crop, flip]
read_test = [load, shorter, centre]
model['network']['vision_encoder'].update(image_size=336)
labelled, scored = dict(type=PackInputs, inputs=['label']), dict(type=PackInputs, fields=['label'])
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**own, split='train', pipeline=[*read_train, labelled]),
)
tested = dict(test_mode=True, pipeline=[*read_test, scored])
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
val_evaluator = [dict(type=ClassificationMetric)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='top1')
train_cfg.update(max_epochs=10, val_interval=500)
auto_scale_lr.update(base_batch_size=128)
