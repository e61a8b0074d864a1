# X-CLIP, video classification by the names of motions on the mini benchmark.
from mmengine.config import read_base

from mplug2.projects.xclip import PromptedClassification

with read_base():
    from mplug2.configs.mini.video_classification import *
    from ._mini import *

model['network'] = network
model['tasks'] = dict(classification=dict(type=PromptedClassification, names=motions, templates=['it {}'], **head))
