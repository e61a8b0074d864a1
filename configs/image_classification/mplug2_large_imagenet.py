# mPLUG-2 Large, ImageNet-1K: 30 epochs at 6e-5, 4,096 images a step, 336 pixels (Table 13).
# Without universal layers (Table 16): --cfg-options model.network.universal=None
from mmengine.config import read_base

with read_base():
    from .mplug2_base_imagenet import *
    from .._base_.models.large import *

model.merge(large_pretrained)
model.update(blocks=dict(recompute=['vision_encoder']))
model['network']['vision_encoder'].update(image_size=336)
read_train = [load, dict(crop, size=336), flip, augment, erase]
read_test = [load, dict(shorter, size=384), dict(centre, size=336)]
train_dataloader['dataset'].update(pipeline=[*read_train, labelled])
val_dataloader['dataset'].update(pipeline=[*read_test, scored])
test_dataloader = val_dataloader
