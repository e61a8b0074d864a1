# mPLUG-2 Base, boxes and masks of COCO, after ViTDet's recipe for a Base ViT (Li et al. 2022, Appendix A.2): 1024 pixels, 100
# epochs at a batch of 64, rate 1e-4 that falls tenfold at 8/9 and 26/27 of the way, layer decay 0.7, drop path 0.1, weight
# decay 0.1 but for norms and positions, windows of 14 patches with four global blocks. Backbone: the pre-trained network's
# encoder and universal layers.
from mmengine.config import read_base
from mmengine.optim import LinearLR, MultiStepLR

from mplug2.engine import LayerDecayConstructor
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.datasets.coco_instance import *
    from .._base_.default_runtime import *
    from .._base_.models.cascade_mask_rcnn_base import *
    from .._base_.schedules.finetune import *

model['backbone'].update(
    blocks=dict(recompute=['vision_encoder']),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', parts=['vision_encoder', 'universal']),
)
optim_wrapper.update(constructor=LayerDecayConstructor, clip_grad=None)
optim_wrapper['paramwise_cfg'] = dict(layer_decay=0.7, norm_decay_mult=0.0)
optim_wrapper['optimizer'].update(lr=1e-4, betas=(0.9, 0.999), weight_decay=0.1)
train_cfg.update(max_epochs=None, max_iters=184375, val_interval=5000)
param_scheduler = [
    dict(type=LinearLR, start_factor=0.001, end=250, by_epoch=False),
    dict(type=MultiStepLR, milestones=[163889, 177546], gamma=0.1, by_epoch=False),
]
auto_scale_lr.update(base_batch_size=64)
default_hooks['checkpoint'].update(interval=5000, save_best='coco/bbox_mAP')
