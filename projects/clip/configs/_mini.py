# CLIP at the size of the mini benchmark.
from mplug2.modules import DualVisionEncoder, LogitScaleHead
from mplug2.objectives import InBatchContrast
from mplug2.projects.clip import CausalTextEncoder, ClipNetwork

layer = dict(width=128, num_heads=4, ffn_dim=256)
network = dict(
    type=ClipNetwork,
    vision_encoder=dict(type=DualVisionEncoder, image_size=40, patch_size=8, num_layers=4, **layer),
    text_encoder=dict(type=CausalTextEncoder, vocab_size=1000, max_positions=64, num_layers=3, **layer),
    projection_dim=128,
)
task = dict(projection_dim=128, head=dict(type=LogitScaleHead), contrastive=dict(type=InBatchContrast))
instructions = False
