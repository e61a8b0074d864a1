# mPLUG-2 Large, COCO captions (Karpathy): 5 epochs of cross-entropy at 1e-5, 256 captions a step, 378 pixels (the paper
# says 384, which patches of 14 do not divide).
from mmengine.config import read_base

with read_base():
    from .mplug2_base_coco import *
    from .._base_.models.large import *

model.merge(large_pretrained)
model['network']['vision_encoder'].update(image_size=378)
read_train = [load, dict(crop, size=378), flip]
read_test = [load, dict(shorter, size=378), dict(centre, size=378)]
train_dataloader['dataset'].update(pipeline=[*read_train, *ask, target, pack])
val_dataloader['dataset'].update(pipeline=[*read_test, *ask, scored])
test_dataloader['dataset'].update(pipeline=[*read_test, *ask, scored])
