# BLIP, image-text retrieval on the mini benchmark: text layers of one set of weights embed a text and match it with an image.
from mmengine.config import read_base

with read_base():
    from mplug2.configs.mini.image_text_retrieval import *
    from ._mini import *

model['network'] = network
instructions = False
