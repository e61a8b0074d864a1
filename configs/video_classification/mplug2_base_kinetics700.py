# mPLUG-2 Base, Kinetics-700, the second stage: 5 epochs at 1e-5, 256 clips a step, from the first stage's weights with the rows
# of the head that Kinetics-700 has (tools/weights/kinetics_head.py).
from mmengine.config import read_base

with read_base():
    from .mplug2_base_kinetics710 import *

model['tasks']['classification'].update(num_classes=700)
model['init_cfg'].update(source='weights/mplug2_base_kinetics710_to_700.pth', new=[])
train_dataloader['dataset'].update(ann_file='data/kinetics700/train_list_videos.txt', data_prefix='data/kinetics700/videos')
val_dataloader['dataset'].update(ann_file='data/kinetics700/val_list_videos.txt', data_prefix='data/kinetics700/videos')
test_dataloader['dataset'].update(ann_file='data/kinetics700/val_list_videos.txt', data_prefix='data/kinetics700/videos')
train_cfg.update(max_epochs=5, val_interval=2109)
