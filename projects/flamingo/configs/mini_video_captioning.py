# Flamingo, video captioning on the mini benchmark: the resampler reads all frames.
from mmengine.config import read_base

from mplug2.projects.git import FrameEmbedding

with read_base():
    from mplug2.configs.mini.video_captioning import *
    from ._mini import *

network.update(frame_embedding=dict(type=FrameEmbedding, num_frames=4, width=128))
model['network'] = network
model['tasks']['captioning'].update(condition='vision')
train_dataloader['dataset'].update(pipeline=[*read, target, pack])
for loader in (val_dataloader, test_dataloader):
    loader['dataset'].update(pipeline=[*read, pack])
del loader
