# Text-to-video retrieval on the mini benchmark in the form of the paper's equations.
from mmengine.config import read_base

with read_base():
    from .video_text_retrieval import *
    from .._base_.models.paper import *

model.merge(paper)
model['network']['vision_encoder']['temporal'].update(hidden_dim=model['network']['vision_encoder']['width'])
