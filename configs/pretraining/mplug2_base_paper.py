# mPLUG-2 Base, pre-training in the form of the paper's equations. CLIP's blocks are pre-norm and those of Eq. 1-3 post-norm, so
# that of CLIP the embedding alone is taken; the paper does not say how its blocks started.
from mmengine.config import read_base

from mplug2.checkpoints import BertWeights, ClipWeights

with read_base():
    from .mplug2_base import *
    from .._base_.models.paper import *

model.merge(paper)
model['network']['vision_encoder']['temporal'].update(hidden_dim=model['network']['vision_encoder']['width'])
model.update(
    init_cfg=[
        dict(type=ClipWeights, source='openai/clip-vit-base-patch16', new=['vision_encoder.blocks.*']),
        dict(type=BertWeights, source='bert-base-uncased'),
    ]
)
