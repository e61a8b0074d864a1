# The network at the size of the embedded benchmark: the release's form, small enough for two CPU cores.
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

layer = dict(width=128, heads=4, hidden=256)
language = dict(**layer, dropout=0.0)
words = dict(vocab_size=1000, positions=64)

model = dict(
    type=MPlug2,
    tokenizer=dict(type=BertTokenizer, vocab='mini'),
    network=dict(
        vision_encoder=dict(
            type=DualVisionEncoder, image_size=40, patch_size=8, layers=4, temporal=dict(type=LocalTemporal), **layer
        ),
        text_encoder=dict(type=BertTextEncoder, layers=1, **words, **language),
        universal=dict(type=UniversalLayers, layers=2, queries=8, **language),
        fusion=dict(type=FusionLayers, layers=1, **language),
        decoder=dict(type=TextDecoder, layers=2, **words, **language),
    ),
)
