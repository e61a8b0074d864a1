# The network at the size of the mini benchmark: the release's form, small enough for two CPU cores.
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

layer = dict(width=128, num_heads=4, ffn_dim=256)
language = dict(**layer, dropout=0.0)
words = dict(vocab_size=1000, max_positions=64)

model = dict(
    type=MPlug2,
    tokenizer=dict(type=BertTokenizer, vocab='mini'),
    network=dict(
        type=MPlug2Network,
        vision_encoder=dict(
            type=DualVisionEncoder, image_size=40, patch_size=8, num_layers=4, temporal=dict(type=LocalTemporal), **layer
        ),
        text_encoder=dict(type=BertTextEncoder, num_layers=1, **words, **language),
        universal=dict(type=UniversalLayers, num_layers=2, num_queries=8, **language),
        fusion=dict(type=FusionLayers, num_layers=1, **language),
        decoder=dict(type=TextDecoder, num_layers=2, **words, **language),
    ),
)
