# mPLUG-2 Large, image-text retrieval on Flickr30K: 8 epochs at 1e-5, 512 pairs a step, 336 pixels.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_flickr30k import *
    from .._base_.models.large import *

model.merge(large_pretrained)
