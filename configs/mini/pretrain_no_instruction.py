# Table 14 on the mini benchmark: pre-training without instructions.
from mmengine.config import read_base

with read_base():
    from .pretrain import *

instructions = False
