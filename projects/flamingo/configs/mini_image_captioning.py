# Flamingo, image captioning on the mini benchmark.
from mmengine.config import read_base

with read_base():
    from mplug2.configs.mini.image_captioning import *
    from ._mini import *

model['network'] = network
model['tasks']['captioning'].update(condition='vision')
train_dataloader['dataset'].update(pipeline=[*read, target, pack])
for loader in (val_dataloader, test_dataloader):
    loader['dataset'].update(pipeline=[*read, pack])
del loader
