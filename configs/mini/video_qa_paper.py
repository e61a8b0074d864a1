# Video question answering on the mini benchmark in the form of the paper's equations.
from mmengine.config import read_base

with read_base():
    from .video_qa import *
    from .._base_.models.paper import *

model.merge(paper)
model['network']['vision_encoder']['temporal'].update(hidden_dim=model['network']['vision_encoder']['width'])
model.update(init_cfg=None)  # the weights of the package have the release's form: name a run of `mini/pretrain_paper`
