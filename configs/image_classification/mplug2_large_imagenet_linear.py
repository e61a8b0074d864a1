# mPLUG-2 Large, ImageNet-1K, a linear probe: the pre-trained trunk stays as it is, the head alone learns; 10 epochs at 1e-3.
from mmengine.config import read_base

with read_base():
    from .mplug2_large_imagenet import *

model.update(frozen=['vision_encoder', 'universal'])
train_dataloader['dataset'].update(pipeline=[load, dict(crop, size=336), flip, labelled])
optim_wrapper['optimizer'].update(lr=1e-3, weight_decay=0.0)
train_cfg.update(max_epochs=10)
