# Pre-training on the mini benchmark, shrunk to seconds. Dropout is on, so that resuming must restore its draws.
from mmengine.config import read_base
from mmengine.optim import CosineAnnealingLR

with read_base():
    from ...configs.mini.pretrain import *

network = model['network']
vision = network['vision_encoder']
vision.update(width=32, num_heads=2, ffn_dim=48, num_layers=1, patch_size=vision['image_size'] // 2)
for name in ('text_encoder', 'universal', 'fusion', 'decoder'):
    network[name].update(width=32, num_heads=2, ffn_dim=48, num_layers=1, dropout=0.1)
network['universal'].update(num_layers=2, num_queries=4)
model['tasks']['retrieval'].update(projection_dim=16)
model['tasks']['retrieval']['contrastive'].update(queue_size=12)
for source in train_dataloader['dataset']['sources'].values():
    source.update(batch_size=4)
del network, vision, name, source
train_dataloader.update(num_workers=0)
train_dataloader['sampler'].update(cycle=8, batches_per_step=2)
val_dataloader.update(num_workers=0)
optim_wrapper['dtype'] = None
param_scheduler = [dict(type=CosineAnnealingLR, eta_min=1e-5, by_epoch=False)]
train_cfg.update(max_iters=8, val_begin=99)
default_hooks['logger'].update(interval=1)
default_hooks['checkpoint'].update(interval=4)
