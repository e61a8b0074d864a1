# Captions of clips by a ConvNet, in a network without universal layers.
from mmengine.config import read_base

with read_base():
    from mplug2.configs.mini.video_captioning import *

projector = dict(type='LinearProjector')
model['network']['vision_encoder'] = dict(type='SmallConvNet', widths=(32, 64), stem=4, image_size=40)
model['network'].update(
    universal=None,
    projectors=dict(vision_fusion=projector, vision_decoder=projector),
)
model['blocks'] = dict(recompute=['vision_encoder'])
optim_wrapper.update(constructor='LayerDecayConstructor')
optim_wrapper['paramwise_cfg'].update(layer_decay=0.8)
