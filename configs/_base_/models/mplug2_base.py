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
from mplug2.text import BertTokenizer

layer = dict(width=768, heads=12, hidden=3072)

model = dict(
    type=MPlug2,
    tokenizer=dict(type=BertTokenizer),
    network=dict(
        vision_encoder=dict(
            type=DualVisionEncoder, image_size=224, patch_size=16, layers=12, temporal=dict(type=LocalTemporal), **layer
        ),
        text_encoder=dict(type=BertTextEncoder, layers=10, **layer),
        universal=dict(type=UniversalLayers, layers=2, queries=50, **layer),
        fusion=dict(type=FusionLayers, layers=3, **layer),
        decoder=dict(type=TextDecoder, layers=12, **layer),
    ),
)
