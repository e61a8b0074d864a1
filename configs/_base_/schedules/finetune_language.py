# Fine-tuning of texts alone: as that of Appendix B, with gradients to part of the universal layers only (their queries and
# cross-attention serve vision), which data parallel training has to know.
from mmengine.config import read_base

with read_base():
    from .finetune import *

find_unused_parameters = True
