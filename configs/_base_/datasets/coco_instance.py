# COCO 2017 boxes and masks, with large-scale jitter (Ghiasi et al. 2021): the image is scaled by 0.1 to 2 and cropped or
# padded to a square. Lying as the benchmark's archives unpack: data/coco/{train2017,val2017,annotations}.
from mmcv.transforms import RandomResize
from mmdet.datasets.transforms import (
    FilterAnnotations,
    LoadAnnotations,
    PackDetInputs,
    Pad,
    RandomCrop,
    RandomFlip,
    Resize,
)
from mplug2.detection import CocoMetric
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ResumableSampler
from mplug2.detection import CocoDetection, PadUnseen

data_root = 'data/coco'
square = (1024, 1024)
read = dict(type='LoadImageFromFile')  # ours, `LoadPixels`, under the name that mmdet's DetInferencer looks for
annotated = dict(type=LoadAnnotations, with_bbox=True, with_mask=True)
padding = dict(size=square, pad_val=dict(img=(114, 114, 114)))
flip = dict(type=RandomFlip, prob=0.5)
jitter = dict(type=RandomResize, scale=square, ratio_range=(0.1, 2.0), keep_ratio=True, resize_type=Resize)
crop = dict(type=RandomCrop, crop_size=square, crop_type='absolute', recompute_bbox=True, allow_negative_crop=True)
visible = dict(type=FilterAnnotations, min_gt_bbox_wh=(1e-2, 1e-2), by_mask=True)
pad = dict(type=Pad, **padding)
pack = dict(type=PackDetInputs)
fit = dict(type=Resize, scale=square, keep_ratio=True)
pad_unseen = dict(type=PadUnseen, **padding)
pack_scored = dict(type=PackDetInputs, meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))
train_dataloader = dict(
    batch_size=1,  # of each of 64 processes
    num_workers=4,
    sampler=dict(type=ResumableSampler),
    collate_fn='pseudo_collate',
    dataset=dict(
        type=CocoDetection,
        data_root=data_root,
        ann_file='annotations/instances_train2017.json',
        data_prefix=dict(img='train2017/'),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=[read, annotated, flip, jitter, crop, visible, pad, pack],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    collate_fn='pseudo_collate',
    dataset=dict(
        type=CocoDetection,
        data_root=data_root,
        ann_file='annotations/instances_val2017.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline=[read, fit, pad_unseen, annotated, pack_scored],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type=CocoMetric, ann_file=f'{data_root}/annotations/instances_val2017.json', metric=['bbox', 'segm'])]
test_evaluator = val_evaluator
drawn_by = 'ShowDetections'  # what --show-dir draws
