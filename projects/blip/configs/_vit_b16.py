# BLIP of the published size: ViT-B/16, text layers and decoder of BERT-Base; weights as mplug2 convert writes them. The
# tokenizer is BERT's with two more words, which start a caption (30522) and a text that is fused (30523).
from mplug2.model import MPlug2
from mplug2.modules import BertTextEncoder, DualVisionEncoder, FusionLayers, TextDecoder
from mplug2.projects.blip import BlipNetwork
from mplug2.text import FileTokenizer

tokenizer = dict(
    type=FileTokenizer, vocab='weights/bert-base-uncased/tokenizer.json', start=30522, end=102, pad=0, vocab_size=30524
)
layer = dict(width=768, num_heads=12, ffn_dim=3072)
words = dict(vocab_size=30524, max_positions=512, num_token_types=0)
pre_norm = dict(eps=1e-6, activation='gelu', pre_norm_embedding=False, patch_bias=True, position_resize='bicubic')
network = dict(
    type=BlipNetwork,
    vision_encoder=dict(type=DualVisionEncoder, image_size=384, patch_size=16, num_layers=12, **layer, **pre_norm),
    text_encoder=dict(type=BertTextEncoder, **words, **(layer | dict(num_layers=0))),
    fusion=dict(type=FusionLayers, num_layers=12, **layer),
    decoder=dict(type=TextDecoder, num_layers=12, **words, **layer),
    fusion_token=30523,
)
model = dict(type=MPlug2, network=network, tokenizer=tokenizer)
