# The detector of the package, a few MB: one stage in place of three and a narrow box head, from the weights of mini/detection
# wherever names and shapes agree.
from mmengine.config import read_base
from mmengine.model import PretrainedInit

with read_base():
    from .detection import *

model.update(init_cfg=dict(type=PretrainedInit, checkpoint='work_dirs/mini/detection/iter_500.pth'))
model['roi_head'].update(num_stages=1, stage_loss_weights=[1])
model['roi_head'].update(bbox_head=[dict(model['roi_head']['bbox_head'][0], fc_out_channels=56)])
model['train_cfg'].update(rcnn=model['train_cfg']['rcnn'][:1])
param_scheduler = [dict(warm_up, end=10), dict(decay, begin=10)]
train_cfg.update(max_iters=120, val_interval=120)
