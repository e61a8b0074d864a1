# Table 14 on the mini benchmark: question answering without instructions.
from mmengine.config import read_base

with read_base():
    from .video_qa import *

instructions = False
