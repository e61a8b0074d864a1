# Boxes of objects in your own images, by mmdet's Cascade R-CNN: labels are names or numbers, and num_classes is how many. Copy
# this file and change paths, steps and sizes; `mplug2 data check` reads the data first.
from mmengine.config import read_base

from mplug2.checkpoints import MPlug2Weights
from mplug2.datasets import JsonlDataset

with read_base():
    from mplug2.configs._base_.datasets.coco_instance import *
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.models.cascade_mask_rcnn_base import *
    from mplug2.configs._base_.schedules.finetune import *

model['backbone'].update(
    blocks=dict(recompute=['vision_encoder']),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', parts=['vision_encoder', 'universal']),
)
model.update(num_classes=10)
model['roi_head'].update(mask_head=None, mask_roi_extractor=None)  # the lines have no masks
own = dict(type=JsonlDataset, ann_file='data/own/own.jsonl', data_prefix='data/own', target='boxes')
annotated.update(with_mask=False)
visible.update(by_mask=False)
pack_scored.update(meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'instances'))
tested = dict(test_mode=True, pipeline=[read, fit, pad_unseen, annotated, pack_scored])
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    sampler=dict(type=ResumableSampler),
    collate_fn='pseudo_collate',
    dataset=dict(**own, split='train', pipeline=[read, annotated, flip, jitter, crop, visible, pad, pack]),
)
loaded = dict(
    batch_size=2,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    collate_fn='pseudo_collate',
)
val_dataloader = dict(**loaded, dataset=dict(**own, split='val', **tested))
test_dataloader = dict(**loaded, dataset=dict(**own, split='test', **tested))
val_evaluator = [dict(type=CocoMetric, metric='bbox')]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='coco/bbox_mAP')
optim_wrapper['optimizer'].update(lr=1e-4)
train_cfg.update(max_epochs=50, val_interval=500)
auto_scale_lr.update(base_batch_size=16)
