# ALBEF at the size of the mini benchmark.
from mplug2.modules import BertTextEncoder, DualVisionEncoder, FusionLayers, TextDecoder
from mplug2.projects.albef import AlbefNetwork

layer = dict(width=128, num_heads=4, ffn_dim=256)
language = dict(**layer, dropout=0.0)
vocabulary = dict(vocab_size=1000, max_positions=64)
network = dict(
    type=AlbefNetwork,
    vision_encoder=dict(
        type=DualVisionEncoder,
        image_size=40,
        patch_size=8,
        num_layers=4,
        activation='gelu',
        pre_norm_embedding=False,
        patch_bias=True,
        **layer,
    ),
    text_encoder=dict(type=BertTextEncoder, num_layers=2, **vocabulary, **language),
    fusion=dict(type=FusionLayers, num_layers=2, **language),
    decoder=dict(type=TextDecoder, num_layers=2, **vocabulary, **language),
)
instructions = False
