# CLIP on the mini benchmark, smaller yet, with plain gradient descent: any split of a batch gives the same weights.
from mmengine.config import read_base
from torch.optim import SGD

with read_base():
    from mplug2.projects.clip.configs.mini_video_text_retrieval import *

model['network']['vision_encoder'].update(num_layers=1, width=16, num_heads=2, ffn_dim=24)
model['network']['text_encoder'].update(num_layers=1, width=16, num_heads=2, ffn_dim=24)
train_dataloader.update(batch_size=4, num_workers=0)
train_cfg.update(max_iters=2, val_begin=9)
param_scheduler = None
optim_wrapper.update(dtype=None)
optim_wrapper['optimizer'] = dict(type=SGD, lr=0.1, weight_decay=0.0)
default_hooks['checkpoint'].update(save_best=None)
