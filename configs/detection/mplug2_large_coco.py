# mPLUG-2 Large, boxes and masks of COCO, as the paper has it: "the same setting as EVA", without Objects365 (Appendix B).
# From EVA's published configurations for COCO (github.com/baaivision/EVA, EVA-01/det/projects/ViTDet/configs/COCO/
# cascade_mask_rcnn_vitdet_eva.py, with which it trains at 1280 pixels, and cascade_mask_rcnn_vitdet_eva_1536.py, with which it
# tests at 1536; commands in EVA-01/det/README.md): patches of 16, 45,000 steps at a batch of 64, rate 2.5e-5 after 500 steps of
# warm-up and a tenth of it from step 40,000 on, layer decay 0.9, drop path 0.6, windows of 16 patches with every fourth block
# global, AdamW with weight decay 0.1 of all parameters, norms and positions too, and in tests linear soft-NMS from an IoU of
# 0.6 on without a score threshold. EVA has 40 blocks and freezes its patch embedding; ours has 24 and trains all.
from mmengine.config import read_base
from mmengine.optim import LinearLR, MultiStepLR

with read_base():
    from .mplug2_base_coco import *

large = dict(width=1024, num_heads=16, ffn_dim=4096)
model['backbone']['network']['vision_encoder'].update(
    image_size=1280, num_layers=24, window=16, global_blocks=(3, 7, 11, 15, 19, 23), drop_path=0.6, **large
)
model['backbone']['network']['universal'].update(**large)
model['backbone']['init_cfg'].update(source='weights/mplug2_large_pretrain.pth')
model['neck'].update(width=1024)
model['test_cfg']['rcnn'].update(score_thr=0.0, nms=dict(type='soft_nms', iou_threshold=0.6, method='linear', min_score=1e-3))
square, tested = (1280, 1280), (1536, 1536)
train_steps = [dict(jitter, scale=square), dict(crop, crop_size=square), visible, dict(pad, size=square)]
train_dataloader['dataset'].update(pipeline=[read, annotated, flip, *train_steps, pack])
test_steps = [dict(fit, scale=tested), dict(pad_unseen, size=tested)]
val_dataloader['dataset'].update(pipeline=[read, *test_steps, annotated, pack_scored])
test_dataloader = val_dataloader
optim_wrapper['optimizer'].update(lr=2.5e-5)
optim_wrapper['paramwise_cfg'] = dict(layer_decay=0.9, token_decay_mult=1.0)
train_cfg.update(max_iters=45000)
param_scheduler = [
    dict(type=LinearLR, start_factor=0.001, end=500, by_epoch=False),
    dict(type=MultiStepLR, milestones=[40000], gamma=0.1, by_epoch=False),
]
