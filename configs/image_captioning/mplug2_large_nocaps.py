# mPLUG-2 Large as trained on COCO captions, tested on the validation split of NoCaps; mplug2_base_nocaps says how.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_nocaps import *
    from .._base_.models.large import *

model.merge(large)
model['network']['vision_encoder'].update(image_size=378)
read_test = [load, dict(shorter, size=378), dict(centre, size=378)]
test_dataloader['dataset'].update(pipeline=[*read_test, *ask, scored])
