# mPLUG-2 small from real weights, sentiment of movie-review snippets: a six-layer BERT, all of it trained.
from mmengine.config import read_base

from mplug2.checkpoints import BertWeights

with read_base():
    from .mplug2_small_reviews_scratch import *

model.update(init_cfg=dict(type=BertWeights, source='data/weights/minilm_l6'))
