# Video captioning on the mini benchmark, shrunk to seconds. Dropout is on, so that resuming must restore its draws.
from mmengine.config import read_base
from mmengine.optim import CosineAnnealingLR

with read_base():
    from ...configs.mini.video_captioning import *

network = model['network']
vision = network['vision_encoder']
vision.update(width=32, num_heads=2, ffn_dim=48, num_layers=1, patch_size=vision['image_size'] // 2)
for name in ('text_encoder', 'universal', 'fusion', 'decoder'):
    network[name].update(width=32, num_heads=2, ffn_dim=48, num_layers=1, dropout=0.1)
network['universal'].update(num_layers=2, num_queries=4)
del network, vision, name
model['tasks']['captioning']['generation'].update(num_beams=1, min_length=2, max_length=5)
train_dataloader.update(batch_size=4, num_workers=0)
val_dataloader.update(batch_size=5, num_workers=0)
test_dataloader.update(batch_size=5, num_workers=0)
optim_wrapper['dtype'] = None
param_scheduler = [dict(type=CosineAnnealingLR, eta_min=1e-5, by_epoch=False)]
train_cfg.update(max_iters=12, val_interval=6)
default_hooks['logger'].update(interval=1)
default_hooks['checkpoint'].update(interval=4, max_keep_ckpts=3)
