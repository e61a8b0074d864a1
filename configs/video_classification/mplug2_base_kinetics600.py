# mPLUG-2 Base, Kinetics-600, the second stage: 5 epochs at 1e-5, 256 clips a step, from the first stage's weights with the rows
# of the head that Kinetics-600 has (tools/weights/kinetics_head.py).
from mmengine.config import read_base

with read_base():
    from .mplug2_base_kinetics710 import *

model['tasks']['classification'].update(num_classes=600)
model['init_cfg'].update(source='weights/mplug2_base_kinetics710_to_600.pth', new=[])
train_dataloader['dataset'].update(ann_file='data/kinetics600/train_list_videos.txt', data_prefix='data/kinetics600/videos')
val_dataloader['dataset'].update(ann_file='data/kinetics600/val_list_videos.txt', data_prefix='data/kinetics600/videos')
test_dataloader['dataset'].update(ann_file='data/kinetics600/val_list_videos.txt', data_prefix='data/kinetics600/videos')
train_cfg.update(max_epochs=5, val_interval=1523)
