# mPLUG-2 Large, ImageNet-1K, a linear probe: the pre-trained trunk stays as it is, the head alone learns; 10 epochs at 1e-3.
from mmengine.config import read_base

with read_base():
    from .mplug2_large_imagenet import *

model.update(frozen=['vision_encoder', 'universal'])
augmenting = (RandAugment, RandomErasing)
steps = [step for step in train_dataloader['dataset']['pipeline'] if step['type'] not in augmenting]
train_dataloader['dataset'].update(pipeline=steps)
del augmenting, steps
optim_wrapper['optimizer'].update(lr=1e-3, weight_decay=0.0)
train_cfg.update(max_epochs=10)
