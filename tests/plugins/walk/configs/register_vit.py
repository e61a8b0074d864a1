# Captions of clips by a ViT with registers, whose width is not the text encoder's.
from mmengine.config import read_base

with read_base():
    from mplug2.configs.mini.video_captioning import *

projector = dict(type='LinearProjector')
model['network']['vision_encoder'] = dict(
    type='RegisterViT',
    image_size=40,
    patch_size=8,
    width=96,
    num_layers=3,
    num_heads=4,
    ffn_dim=192,
    temporal=dict(type='LocalTemporal'),
)
model['network'].update(projectors=dict(vision_universal=projector))
model['blocks'] = dict(recompute=['vision_encoder', 'universal'])
optim_wrapper.update(constructor='LayerDecayConstructor')
optim_wrapper['paramwise_cfg'].update(layer_decay=0.8)
