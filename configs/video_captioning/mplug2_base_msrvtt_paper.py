# mPLUG-2 Base, MSRVTT captioning in the form of the paper's equations, from the pre-training in that form.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msrvtt import *
    from .._base_.models.paper import *

model.merge(paper)
model['network']['vision_encoder']['temporal'].update(hidden_dim=model['network']['vision_encoder']['width'])
model['init_cfg'].update(source='weights/mplug2_base_paper_pretrain.pth')
