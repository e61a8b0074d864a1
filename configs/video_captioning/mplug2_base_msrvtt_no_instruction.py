# Table 14: MSRVTT captioning without instructions.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msrvtt import *

instructions = False
