# CoCa, video captioning on the mini benchmark.
from mmengine.config import read_base

with read_base():
    from mplug2.configs.mini.video_captioning import *
    from ._mini import *

model['network'] = network
model['tasks']['captioning'].update(condition='vision')
