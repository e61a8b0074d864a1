# ALBEF, questions about images on the mini benchmark.
from mmengine.config import read_base

with read_base():
    from mplug2.configs.mini.image_qa import *
    from ._mini import *

model['network'] = network
model['init_cfg'] = None
