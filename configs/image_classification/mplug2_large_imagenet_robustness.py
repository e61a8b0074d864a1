# mPLUG-2 Large, fine-tuned on ImageNet-1K, tested on it and five variants of it (Table 13): mplug2 test CONFIG CHECKPOINT.
from mmengine.config import read_base
from mmengine.runner import TestLoop

from mplug2.tasks import Classification

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_large import *
    from .._base_.datasets.imagenet_robustness import *

for step in test_dataloader['dataset']['pipeline']:
    if 'size' in step:
        step.update(size=384 if step['size'] == 256 else 336)
del step

model.update(tasks=dict(classification=dict(type=Classification, num_classes=1000)))
model['network']['vision_encoder'].update(image_size=336)
test_cfg = dict(type=TestLoop)
