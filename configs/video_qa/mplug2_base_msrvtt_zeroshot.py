# mPLUG-2 Base as pre-trained, tested on MSRVTT-QA without fine-tuning (Table 20), choosing among the 1,000 most frequent
# training answers, which
# tools/data/answer_list.py video_qa/mplug2_base_msrvtt data/msrvtt_qa/answers.json --top 1000 writes.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msrvtt import *

model.update(init_cfg=None)
model['tasks']['question_answering'].update(answers='data/msrvtt_qa/answers.json')
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
