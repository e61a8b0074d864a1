# Width 384: a DINOv2-like ViT-S/14 and a six-layer BERT of which the last two layers are universal, so that small public
# weights initialise it. The vision encoder has what those weights have: LayerScale, GELU, a bias in the patch convolution.
from mplug2.model import MPlug2
from mplug2.modules import (
    BertTextEncoder,
    DualVisionEncoder,
    FusionLayers,
    LocalTemporal,
    TextDecoder,
    UniversalLayers,
)
from mplug2.preprocessor import MultiModalDataPreprocessor
from mplug2.networks import MPlug2Network
from mplug2.text import BertTokenizer

width, hidden = 384, 1536
language = dict(width=width, num_heads=12, ffn_dim=hidden)

model = dict(
    type=MPlug2,
    tokenizer=dict(type=BertTokenizer),
    # ImageNet's channel statistics, with which DINOv2 was trained
    data_preprocessor=dict(type=MultiModalDataPreprocessor, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    network=dict(
        type=MPlug2Network,
        vision_encoder=dict(
            type=DualVisionEncoder,
            image_size=224,
            patch_size=14,
            width=width,
            num_layers=12,
            num_heads=6,
            ffn_dim=hidden,
            temporal=dict(type=LocalTemporal),
            activation='gelu',
            eps=1e-6,
            pre_norm_embedding=False,
            patch_bias=True,
            position_resize='bicubic',
            layer_scale=1.0,
        ),
        text_encoder=dict(type=BertTextEncoder, num_layers=4, **language),
        universal=dict(type=UniversalLayers, num_layers=2, num_queries=50, **language),
        fusion=dict(type=FusionLayers, num_layers=2, **language),
        decoder=dict(type=TextDecoder, num_layers=6, **language),
    ),
)
