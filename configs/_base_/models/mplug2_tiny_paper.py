# The same network after the paper's equations: post-norm blocks with one local temporal module, over all channels and for
# videos alone (Eq. 1-5); every universal layer runs the queries, and cross-attention merges them (Eq. 6-10).
from mmengine.config import read_base

with read_base():
    from .mplug2_tiny import *

network = model['network']
network['vision_encoder'].update(norm='post', temporal_at=('attention',), temporal_on_images=False)
network['vision_encoder']['temporal'].update(hidden_dim=network['vision_encoder']['width'], activation='relu', bias=False)
network['universal'].update(form='paper')
del network
