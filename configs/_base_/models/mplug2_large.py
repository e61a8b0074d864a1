# mPLUG-2 Large as published: ViT-L/14 with two local temporal modules a block, BERT-Large of which the last two layers are
# universal, six fusion layers, twelve decoder layers.
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

layer = dict(width=1024, num_heads=16, ffn_dim=4096)

model = dict(
    type=MPlug2,
    tokenizer=dict(type=BertTokenizer),
    network=dict(
        type=MPlug2Network,
        vision_encoder=dict(
            type=DualVisionEncoder, image_size=224, patch_size=14, num_layers=24, temporal=dict(type=LocalTemporal), **layer
        ),
        text_encoder=dict(type=BertTextEncoder, num_layers=22, **layer),
        universal=dict(type=UniversalLayers, num_layers=2, num_queries=50, **layer),
        fusion=dict(type=FusionLayers, num_layers=6, **layer),
        decoder=dict(type=TextDecoder, num_layers=12, **layer),
    ),
)
