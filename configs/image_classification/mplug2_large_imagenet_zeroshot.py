# mPLUG-2 Large as pre-trained, ImageNet-1K by the names of its classes; mplug2_base_imagenet_zeroshot says how.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_imagenet_zeroshot import *
    from .._base_.models.large import *

model.merge(large)
model.update(blocks=dict(recompute=['vision_encoder']))
model['network']['vision_encoder'].update(image_size=336)
read_test = [load, dict(shorter, size=384), dict(centre, size=336)]
test_dataloader['dataset'].update(pipeline=[*read_test, scored])
