# Forwards or backwards, on the clips of the mini benchmark, with the example's temporal module in the tiny network.
from mmengine.config import read_base

from mplug2.datasets.transforms import PackInputs

with read_base():
    from mplug2.configs.mini.video_captioning import *

# Names, not classes: the package's entry point registers them. (Without it: custom_imports = dict(imports=['mplug2_example']))
model['network']['vision_encoder']['temporal'] = dict(type='TemporalShift')
model['tasks'] = dict(direction=dict(type='TimeDirection'))
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset']['pipeline'] = [*read, dict(type=PackInputs)]
del loader
val_evaluator = test_evaluator = [dict(type='DirectionAccuracy')]
default_hooks['checkpoint'].update(save_best='direction_accuracy')
train_cfg.update(max_iters=1000, val_interval=500)
