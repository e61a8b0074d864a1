# X-CLIP, text-to-video retrieval on the mini benchmark.
from mmengine.config import read_base

from mplug2.projects.xclip import PromptedContrast, PromptedRetrieval

with read_base():
    from mplug2.configs.mini.video_text_retrieval import *
    from ._mini import *

model['network'] = network
model['tasks'] = dict(retrieval=dict(type=PromptedRetrieval, contrastive=dict(type=PromptedContrast), **head))
instructions = False
