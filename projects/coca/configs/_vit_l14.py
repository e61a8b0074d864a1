# CoCa ViT-L/14 as open_clip publishes it, from a folder of laion/CoCa-ViT-L-14-laion2B-s13B-b90k.
from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.modules import DualVisionEncoder, LogitScaleHead
from mplug2.projects.coca import AttentionalPooler, ClassTokenTextEncoder, CocaNetwork, MultimodalLayers
from mplug2.text import FileTokenizer

weights = 'weights/CoCa-ViT-L-14-laion2B-s13B-b90k'
tokenizer = dict(
    type=FileTokenizer, vocab=f'{weights}/tokenizer.json', start='<start_of_text>', end='<end_of_text>', vocab_size=49408
)
head = dict(projection_dim=768, head=dict(type=LogitScaleHead))
layer = dict(width=768, num_heads=12, ffn_dim=3072)
model = dict(
    type=MPlug2,
    tokenizer=tokenizer,
    network=dict(
        type=CocaNetwork,
        vision_encoder=dict(
            type=DualVisionEncoder,
            image_size=224,
            patch_size=14,
            width=1024,
            num_layers=24,
            num_heads=16,
            ffn_dim=4096,
            activation='gelu',
            norm_output=False,
        ),
        vision_pooling=dict(type=AttentionalPooler, width=768, num_heads=8, num_queries=256),
        text_encoder=dict(type=ClassTokenTextEncoder, vocab_size=49408, max_positions=76, num_layers=12, **layer),
        multimodal=dict(type=MultimodalLayers, vocab_size=49408, num_layers=12, **layer),
        projection_dim=768,
    ),
    init_cfg=dict(type=ForeignWeights, source=weights),
)
# Captions alone leave the contrast's class token and projections without a gradient.
find_unused_parameters = True
