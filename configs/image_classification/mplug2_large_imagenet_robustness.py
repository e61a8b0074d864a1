# mPLUG-2 Large, fine-tuned on ImageNet-1K, tested on it and five variants of it (Table 13): mplug2 test CONFIG CHECKPOINT.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_imagenet_robustness import *
    from .._base_.models.large import *

model.merge(large)
model['network']['vision_encoder'].update(image_size=336)
read_test = [load, dict(shorter, size=384), dict(centre, size=336)]
test_dataloader['dataset'].update(pipeline=[*read_test, scored])
