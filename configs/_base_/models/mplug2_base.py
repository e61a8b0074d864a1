# mPLUG-2 Base as published: ViT-B/16 with two local temporal modules a block, BERT-Base of which the last two layers are
# universal, three fusion layers, twelve decoder layers.
from mplug2.model import MPlug2
from mplug2.modules import (
    BertTextEncoder,
    DualVisionEncoder,
    FusionLayers,
    LocalTemporal,
    TextDecoder,
    UniversalLayers,
)
from mplug2.networks import MPlug2Network
from mplug2.text import BertTokenizer

layer = dict(width=768, num_heads=12, ffn_dim=3072)

model = dict(
    type=MPlug2,
    tokenizer=dict(type=BertTokenizer),
    network=dict(
        type=MPlug2Network,
        vision_encoder=dict(
            type=DualVisionEncoder, image_size=224, patch_size=16, num_layers=12, temporal=dict(type=LocalTemporal), **layer
        ),
        text_encoder=dict(type=BertTextEncoder, num_layers=10, **layer),
        universal=dict(type=UniversalLayers, num_layers=2, num_queries=50, **layer),
        fusion=dict(type=FusionLayers, num_layers=3, **layer),
        decoder=dict(type=TextDecoder, num_layers=12, **layer),
    ),
)
