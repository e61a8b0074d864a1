# BLIP ViT-B/16, image-text retrieval on COCO (5K test): 6 epochs at 1e-5, 256 pairs a step, 384 pixels.
from mmengine.config import read_base

from mplug2.checkpoints import ForeignWeights
from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import Retrieval

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.coco_retrieval import *
    from ._vit_b16 import *

contrastive = dict(type=MomentumContrast, momentum=0.995, queue_size=57600, distill_alpha=0.4)
model['tasks'] = dict(
    retrieval=dict(type=Retrieval, media='image', contrastive=contrastive, matching=dict(type=HardNegativeMatching))
)
model['init_cfg'] = dict(type=ForeignWeights, source='weights/model_base.pth')
for dataloader in (train_dataloader, val_dataloader, test_dataloader):
    for step in dataloader['dataset']['pipeline']:
        if 'size' in step:
            step.update(size=384)
        if 'tokenizer' in step:
            step.update(tokenizer=tokenizer)
del dataloader, step
instructions = False
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=6, val_interval=2214)
auto_scale_lr.update(base_batch_size=256)
default_hooks['checkpoint'].update(save_best='R@mean')
