# Table 14: MSVD-QA without instructions.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msvd import *

instructions = False
