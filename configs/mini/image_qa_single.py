# Table 17's vision-language column on the mini benchmark, first variant: question answering alone, with layers that serve text
# alone. All variants start from the vision encoder and decoder of the package's weights, and learn the rest anew.
from mmengine.config import read_base

with read_base():
    from .image_qa import *

model['network']['universal'].update(shared=False)
model['init_cfg'].update(parts=['vision_encoder', 'decoder'])
optim_wrapper['paramwise_cfg'] = dict(
    norm_decay_mult=0.0, bias_decay_mult=0.0, custom_keys=dict(vision_encoder=taught, decoder=taught)
)
train_dataloader.update(batch_size=16)
auto_scale_lr.update(base_batch_size=16)
train_cfg.update(max_iters=250, val_interval=250)
