# ALBEF, VQA v2: answers are learned by a decoder of six layers and ranked; 8 epochs at 2e-5, 256 questions a step.
from mmengine.config import read_base

from mplug2.tasks import QuestionAnswering

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.vqav2 import *
    from ._base import *

model['tasks'] = dict(answering=dict(type=QuestionAnswering, media='image'))
# The published pre-training has no decoder, which begins as the fusion layers there.
model['init_cfg'].update(new=['decoder.*'], parts=['vision_encoder', 'text_encoder', 'fusion'])
for loader in (train_dataloader, val_dataloader, test_dataloader):
    for step in loader['dataset']['pipeline'] if loader else ():
        if 'size' in step:
            step.update(size=384)
        if 'instruction' in step:
            step.update(tokenizer=tokenizer, instruction=None)
del loader, step
optim_wrapper['optimizer'].update(lr=2e-5)
train_cfg.update(max_epochs=8)
auto_scale_lr.update(base_batch_size=256)
