# BLIP, image question answering on the mini benchmark; its vision and decoder come from mini_image_captioning.
from mmengine.config import read_base

with read_base():
    from mplug2.configs.mini.image_qa import *
    from ._mini import *

model['network'] = network
model['init_cfg'].update(source='work_dirs/blip/mini_image_captioning', parts=['vision_encoder', 'decoder'])
instructions = False
