# Boxes and masks of digits on the mini benchmark, in COCO's files: Cascade Mask R-CNN with small heads. Scored with its ten
# categories and, since most of what there is to learn is where a digit's plate is, with all categories as one.
from mmdet.models import Shared2FCBBoxHead
from mmengine.config import read_base

from mplug2.detection import ClassAgnosticCocoMetric

with read_base():
    from .._base_.datasets.coco_instance import *
    from .._base_.default_runtime import *
    from .._base_.models.cascade_mask_rcnn_base import *
    from .._base_.schedules.mini import *

small = dict(width=128, num_heads=4, ffn_dim=256)
model['backbone']['network']['vision_encoder'].update(
    image_size=128, patch_size=8, num_layers=4, window=None, global_blocks=(), drop_path=0.0, **small
)
model['backbone']['network']['universal'].update(num_queries=8, dropout=0.0, **small)
model['neck'].update(width=128, out_channels=64, scales=(2, 1, 0.5), num_outs=3)
model['data_preprocessor'].update(pad_size_divisor=16)
model.update(num_classes=10)
model['rpn_head'].update(in_channels=64, feat_channels=64, num_convs=1)
model['rpn_head']['anchor_generator'].update(strides=[4, 8, 16])
model['roi_head']['bbox_roi_extractor'].update(out_channels=64, featmap_strides=[4, 8, 16])
model['roi_head']['mask_roi_extractor'].update(out_channels=64, featmap_strides=[4, 8, 16])
head = dict(type=Shared2FCBBoxHead, in_channels=64, conv_out_channels=64, fc_out_channels=256, norm_cfg=None)
model['roi_head'].update(bbox_head=[dict(stage, **head) for stage in model['roi_head']['bbox_head']])
model['roi_head']['mask_head'].update(num_convs=2, in_channels=64, conv_out_channels=64)
model['train_cfg']['rpn']['sampler'].update(num=64)
model['train_cfg']['rpn_proposal'].update(nms_pre=200, max_per_img=100)
model['train_cfg'].update(rcnn=[dict(stage, sampler=dict(stage['sampler'], num=48)) for stage in model['train_cfg']['rcnn']])
model['test_cfg']['rpn'].update(nms_pre=200, max_per_img=50)
model['test_cfg']['rcnn'].update(nms=dict(type='nms', iou_threshold=0.5, class_agnostic=True), max_per_img=20)

data_root = 'data/mini/coco'
digits = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
train_dataloader.update(batch_size=8, num_workers=1)
train_dataloader['dataset'].update(
    data_root=data_root,
    ann_file='annotations/instances_train2014.json',
    data_prefix=dict(img='train2014/'),
    metainfo=dict(classes=digits),
    pipeline=[
        read,
        annotated,
        dict(type=RandomResize, scale=(128, 128), ratio_range=(0.8, 1.25), keep_ratio=True, resize_type=Resize),
        dict(type=RandomCrop, crop_size=(128, 128), crop_type='absolute', recompute_bbox=True, allow_negative_crop=True),
        dict(type=FilterAnnotations, min_gt_bbox_wh=(4, 4), by_mask=True),
        dict(type=Pad, size=(128, 128), pad_val=dict(img=(114, 114, 114))),
        dict(type=PackDetInputs),
    ],
)
tested = dict(
    type=CocoDetection,
    data_root=data_root,
    data_prefix=dict(img='val2014/'),
    metainfo=dict(classes=digits),
    test_mode=True,
    pipeline=[
        read,
        dict(type=Resize, scale=(128, 128), keep_ratio=True),
        annotated,
        dict(type=PackDetInputs, meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
    ],
)
loaded = dict(
    batch_size=10,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    collate_fn='pseudo_collate',
)
val_dataloader = dict(**loaded, dataset=dict(**tested, ann_file='annotations/instances_minival2014.json'))
test_dataloader = dict(**loaded, dataset=dict(**tested, ann_file='annotations/instances_val2014.json'))
score = dict(type=ClassAgnosticCocoMetric, metric=['bbox', 'segm'], classwise=True)
val_evaluator = [dict(**score, ann_file=f'{data_root}/annotations/instances_minival2014.json')]
test_evaluator = [dict(**score, ann_file=f'{data_root}/annotations/instances_val2014.json')]
optim_wrapper['optimizer'].update(lr=5e-4, betas=(0.9, 0.999))
auto_scale_lr.update(base_batch_size=8)
train_cfg.update(max_iters=500, val_interval=500)
default_hooks['checkpoint'].update(save_best='bbox_AP50')
