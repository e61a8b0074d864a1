# mPLUG-2 Large, SQuAD 2.0: 2 epochs at 5e-5, 48 questions a step. The paper gives no recipe; this is BERT's.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_squad_v2 import *
    from .._base_.models.large import *

model.merge(large_pretrained)
