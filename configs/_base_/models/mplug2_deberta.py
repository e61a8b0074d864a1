# mPLUG-2 with DeBERTa, the language part: DeBERTa-Large with all its layers as text encoder, and two universal layers on top.
# DeBERTa's weights come from the hub, or from a local folder of that name; the universal layers start anew.
from mplug2.model import MPlug2
from mplug2.modules import HuggingFaceTextEncoder, UniversalLayers
from mplug2.networks import MPlug2Network
from mplug2.text import HuggingFaceTokenizer

deberta_tokenizer = dict(type=HuggingFaceTokenizer, source='microsoft/deberta-large')
model = dict(
    type=MPlug2,
    network=dict(
        type=MPlug2Network,
        text_encoder=dict(type=HuggingFaceTextEncoder, model='microsoft/deberta-large'),
        universal=dict(type=UniversalLayers, width=1024, num_heads=16, ffn_dim=4096, num_layers=2, num_queries=50),
    ),
)
