# From the package's weights of all tasks to better captions of clips, in minutes; `mplug2 demo` runs it.
from mmengine.config import read_base

with read_base():
    from .video_captioning import *

load_from = 'mplug2_tiny_multitask'
optim_wrapper['optimizer'].update(lr=5e-4)
train_cfg.update(max_iters=600, val_interval=600)
