# The same with one frame of each clip: what the motion can be guessed from without seeing it.
from mmengine.config import read_base

with read_base():
    from .video_classification import *

read_train.update(steps=[dict(type=OpenClip), dict(sample, clip_len=1), *augment])
read_test.update(steps=[dict(type=OpenClip), dict(sample_test, clip_len=1), *fit])
train_dataloader['dataset'].update(pipeline=[read_train, colours, labelled])
val_dataloader['dataset'].update(pipeline=[read_test, scored])
test_dataloader['dataset'].update(pipeline=[read_test, scored])
