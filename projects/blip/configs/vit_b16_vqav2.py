# BLIP ViT-B/16, VQA v2 for the evaluation server: 10 epochs at 2e-5, 256 questions a step, 480 pixels.
from mmengine.config import read_base

from mplug2.checkpoints import ForeignWeights
from mplug2.tasks import QuestionAnswering

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.vqav2 import *
    from ._vit_b16 import *

model['tasks'] = dict(answering=dict(type=QuestionAnswering, media='image', generation=dict(num_beams=3, max_length=10)))
model['init_cfg'] = dict(type=ForeignWeights, source='weights/model_base.pth')
model['network']['vision_encoder'].update(image_size=480)
for dataloader in (train_dataloader, test_dataloader):
    for step in dataloader['dataset']['pipeline']:
        if 'size' in step:
            step.update(size=480)
        if 'tokenizer' in step:
            step.update(tokenizer=tokenizer)
del dataloader, step
instructions = False
train_cfg.update(max_epochs=10)
auto_scale_lr.update(base_batch_size=256)
