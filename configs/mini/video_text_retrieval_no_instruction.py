# Table 14 on the mini benchmark: retrieval without instructions.
from mmengine.config import read_base

with read_base():
    from .video_text_retrieval import *

instructions = False
