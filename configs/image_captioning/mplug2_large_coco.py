# mPLUG-2 Large, COCO captions (Karpathy): 5 epochs of cross-entropy at 1e-5, 256 captions a step, 378 pixels (the paper
# says 384, which patches of 14 do not divide).
from mmengine.config import read_base

from mplug2.tasks import Captioning
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_large import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.coco_caption import *

loaders = [loader for loader in (train_dataloader, val_dataloader, test_dataloader) if loader is not None]
pipelines = [read_train, read_test, *(loader['dataset']['pipeline'] for loader in loaders)]
for step in [step for pipeline in pipelines for step in pipeline if 'size' in step]:
    step.update(size=378)
del loaders, pipelines, step

captioning = dict(type=Captioning, media='image', generation=dict(num_beams=5, min_length=4, max_length=25))
model.update(
    tasks=dict(captioning=captioning),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_large_pretrain.pth', new=['tasks.*']),
)
model['network']['vision_encoder'].update(image_size=378)
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=5, val_interval=2214)
auto_scale_lr.update(base_batch_size=256)
default_hooks['checkpoint'].update(save_best='CIDEr-D')
