# mPLUG-2 Base as pre-trained, tested on MSVD-QA without fine-tuning (Table 20), choosing among the 1,000 most frequent
# training answers, which
# tools/data/answer_list.py video_qa/mplug2_base_msvd data/msvd_qa/answers.json --top 1000 writes.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msvd import *

model.update(init_cfg=None)
model['tasks']['question_answering'].update(answers='data/msvd_qa/answers.json')
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
