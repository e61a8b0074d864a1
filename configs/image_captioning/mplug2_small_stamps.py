# mPLUG-2 small from real weights, captions of Tux Paint's stamps: a DINOv2 ViT-S/14 and a six-layer BERT; all of it is trained.
from mmengine.config import read_base

from mplug2.checkpoints import BertWeights, DinoWeights

with read_base():
    from .mplug2_small_stamps_scratch import *

model.update(
    init_cfg=[
        dict(type=DinoWeights, source='data/weights/dinov2_small.safetensors'),
        dict(type=BertWeights, source='data/weights/minilm_l6'),
    ]
)
