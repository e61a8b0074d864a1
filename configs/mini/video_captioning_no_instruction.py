# Table 14 on the mini benchmark: captioning without instructions.
from mmengine.config import read_base

with read_base():
    from .video_captioning import *

instructions = False
