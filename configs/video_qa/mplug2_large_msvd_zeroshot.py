# mPLUG-2 Large as pre-trained, tested on MSVD-QA without fine-tuning (Table 20), choosing among the 1,000 most frequent
# training answers, which
# tools/data/answer_list.py video_qa/mplug2_large_msvd data/msvd_qa/answers.json --top 1000 writes.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msvd_zeroshot import *
    from .._base_.models.large import *

model.merge(large)
