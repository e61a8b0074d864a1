# CLIP ViT-B/16 as published, from a folder of openai/clip-vit-base-patch16.
from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.modules import DualVisionEncoder, LogitScaleHead
from mplug2.projects.clip import CausalTextEncoder, ClipNetwork
from mplug2.text import FileTokenizer

weights = 'weights/clip-vit-base-patch16'
tokenizer = dict(type=FileTokenizer, vocab=f'{weights}/tokenizer.json', vocab_size=49408)
head = dict(projection_dim=512, head=dict(type=LogitScaleHead))
model = dict(
    type=MPlug2,
    tokenizers=dict(text=tokenizer),
    network=dict(
        type=ClipNetwork,
        vision_encoder=dict(
            type=DualVisionEncoder,
            image_size=224,
            patch_size=16,
            width=768,
            num_layers=12,
            num_heads=12,
            ffn_dim=3072,
            position_resize='bicubic',
        ),
        text_encoder=dict(type=CausalTextEncoder, width=512, num_layers=12, num_heads=8, ffn_dim=2048),
        projection_dim=512,
    ),
    init_cfg=dict(type=ForeignWeights, source=weights),
)
