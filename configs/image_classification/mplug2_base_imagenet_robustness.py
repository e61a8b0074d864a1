# mPLUG-2 Base, fine-tuned on ImageNet-1K, tested on it and five variants of it (Table 13): mplug2 test CONFIG CHECKPOINT.
from mmengine.config import read_base
from mmengine.runner import TestLoop

from mplug2.tasks import Classification

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.datasets.imagenet_robustness import *

model.update(tasks=dict(classification=dict(type=Classification, num_classes=1000)))
test_cfg = dict(type=TestLoop)
