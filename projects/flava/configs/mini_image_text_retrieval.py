# FLAVA, image-text retrieval on the mini benchmark.
from mmengine.config import read_base

from mplug2.tasks import Retrieval

with read_base():
    from mplug2.configs.mini.image_text_retrieval import *
    from ._mini import *

model['network'] = network
model['tasks'] = dict(retrieval=dict(type=Retrieval, media='image', **task))
