# ALBEF, text-to-video retrieval on the mini benchmark.
from mmengine.config import read_base

with read_base():
    from mplug2.configs.mini.video_text_retrieval import *
    from ._mini import *

model['network'] = network
