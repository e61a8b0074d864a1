# Three VOC photographs with twelve objects, learned by heart: trained and tested on the same, from scratch, to see on real
# images that boxes and masks come out right. Files by tools/data/labelme_voc.py.
from mmengine.config import read_base

with read_base():
    from ..mini.detection import *

square = (320, 320)
model['backbone']['network']['vision_encoder'].update(image_size=320, patch_size=16)
model['neck'].update(scales=(4, 2, 1, 0.5), num_outs=4)
model['rpn_head']['anchor_generator'].update(strides=[4, 8, 16, 32])
model['roi_head']['bbox_roi_extractor'].update(featmap_strides=[4, 8, 16, 32])
model['roi_head']['mask_roi_extractor'].update(featmap_strides=[4, 8, 16, 32])
model['test_cfg']['rcnn'].update(nms=dict(type='nms', iou_threshold=0.5))
model.update(num_classes=6)
photographs = dict(
    type=CocoDetection,
    data_root='data/labelme_voc',
    ann_file='instances.json',
    data_prefix=dict(img=''),
    metainfo=dict(classes=('bottle', 'bus', 'car', 'chair', 'person', 'sofa')),
)
sized, padding = dict(type=Resize, scale=square, keep_ratio=True), dict(size=square, pad_val=dict(img=(114, 114, 114)))
train_dataloader.update(
    batch_size=3,
    dataset=dict(
        **photographs,
        pipeline=[
            read,
            annotated,
            sized,
            dict(type=Pad, **padding),
            dict(type=RandomFlip, prob=0.5),
            dict(type=PackDetInputs),
        ],
    ),
)
val_dataloader.update(
    batch_size=3,
    dataset=dict(
        **photographs,
        test_mode=True,
        pipeline=[
            read,
            sized,
            dict(type=PadUnseen, **padding),
            annotated,
            dict(type=PackDetInputs, meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(**score, ann_file='data/labelme_voc/instances.json')]
test_evaluator = val_evaluator
train_cfg.update(max_iters=1000, val_interval=500)
default_hooks['checkpoint'].update(save_best='bbox_mAP')
