# mPLUG-2 Large, VQA v2 for the evaluation server: 8 epochs at 3e-5, 512 questions a step, 574 pixels (the paper says
# 576, which patches of 14 do not divide).
from mmengine.config import read_base

with read_base():
    from .mplug2_base_vqav2 import *
    from .._base_.models.large import *

model.merge(large_pretrained)
model['network']['vision_encoder'].update(image_size=574)
read_train = [load, dict(crop, size=574), flip]
read_test = [load, dict(shorter, size=574), dict(centre, size=574)]
train_dataloader['dataset'].update(pipeline=[*read_train, ask, answer, pack])
test_dataloader['dataset'].update(pipeline=[*read_test, dict(ask, max_words=50), written])
