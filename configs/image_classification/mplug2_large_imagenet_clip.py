# CLIP's ViT-L/14 alone, without temporal modules and universal layers, ImageNet-1K: the first row of Table 16.
from mmengine.config import read_base

from mplug2.checkpoints import ClipWeights

with read_base():
    from .mplug2_large_imagenet import *

model['network'].update(universal=None)
model['network']['vision_encoder'].update(temporal=None)
model['init_cfg'] = dict(type=ClipWeights, source='weights/ViT-L-14.safetensors', parts=['vision_encoder'])
