# BLIP at the size of the mini benchmark.
from mplug2.modules import BertTextEncoder, DualVisionEncoder, FusionLayers, TextDecoder
from mplug2.projects.blip import BlipNetwork

layer = dict(width=128, num_heads=4, ffn_dim=256)
language = dict(**layer, dropout=0.0)
words = dict(vocab_size=1000, max_positions=64, num_token_types=0)
pre_norm = dict(activation='gelu', pre_norm_embedding=False, patch_bias=True)
network = dict(
    type=BlipNetwork,
    vision_encoder=dict(type=DualVisionEncoder, image_size=40, patch_size=8, num_layers=4, **layer, **pre_norm),
    text_encoder=dict(type=BertTextEncoder, num_layers=0, **words, **language),
    fusion=dict(type=FusionLayers, num_layers=3, **language),
    decoder=dict(type=TextDecoder, num_layers=2, **words, **language),
)
