# CoCa, text-to-video retrieval on the mini benchmark.
from mmengine.config import read_base

from mplug2.objectives import InBatchContrast
from mplug2.tasks import Retrieval

with read_base():
    from mplug2.configs.mini.video_text_retrieval import *
    from ._mini import *

model['network'] = network
model['tasks'] = dict(retrieval=dict(type=Retrieval, media='video', contrastive=dict(type=InBatchContrast), **head))
