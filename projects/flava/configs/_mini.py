# FLAVA at the size of the mini benchmark.
from mplug2.modules import BertTextEncoder, DualVisionEncoder, LogitScaleHead
from mplug2.objectives import HardNegativeMatching, InBatchContrast
from mplug2.projects.flava import FlavaNetwork, JointEncoder

layer = dict(width=128, num_heads=4, ffn_dim=256)
network = dict(
    type=FlavaNetwork,
    vision_encoder=dict(
        type=DualVisionEncoder,
        image_size=40,
        patch_size=8,
        num_layers=4,
        activation='gelu',
        pre_norm_embedding=False,
        patch_bias=True,
        norm_output=False,
        **layer,
    ),
    text_encoder=dict(type=BertTextEncoder, vocab_size=1000, max_positions=64, num_layers=2, norm='pre', dropout=0.0, **layer),
    fusion=dict(type=JointEncoder, num_layers=2, **layer),
)
task = dict(
    projection_dim=128,
    head=dict(type=LogitScaleHead, project=True),
    contrastive=dict(type=InBatchContrast),
    matching=dict(type=HardNegativeMatching),
)
instructions = False
