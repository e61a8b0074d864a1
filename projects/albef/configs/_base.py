# ALBEF as published: ViT-B/16, and BERT-Base cut in the middle. Images of 384 pixels in fine-tuning.
from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.modules import BertTextEncoder, DualVisionEncoder, FusionLayers, TextDecoder
from mplug2.projects.albef import AlbefNetwork
from mplug2.text import BertTokenizer

tokenizer = dict(type=BertTokenizer, policy='bert_pair')
layer = dict(width=768, num_heads=12, ffn_dim=3072)
words = dict(vocab_size=30522, max_positions=512)
model = dict(
    type=MPlug2,
    tokenizer=tokenizer,
    network=dict(
        type=AlbefNetwork,
        vision_encoder=dict(
            type=DualVisionEncoder,
            image_size=384,
            patch_size=16,
            num_layers=12,
            activation='gelu',
            eps=1e-6,
            pre_norm_embedding=False,
            patch_bias=True,
            position_resize='bicubic',
            **layer,
        ),
        text_encoder=dict(type=BertTextEncoder, num_layers=6, **words, **layer),
        fusion=dict(type=FusionLayers, num_layers=6, **layer),
        decoder=dict(type=TextDecoder, num_layers=6, **words, **layer),
    ),
    init_cfg=dict(type=ForeignWeights, source='weights/ALBEF.pth'),
)
