# CoCa at the size of the mini benchmark.
from mplug2.modules import DualVisionEncoder, LogitScaleHead
from mplug2.projects.coca import AttentionalPooler, ClassTokenTextEncoder, CocaNetwork, MultimodalLayers

layer = dict(width=128, num_heads=4, ffn_dim=256)
network = dict(
    type=CocaNetwork,
    vision_encoder=dict(
        type=DualVisionEncoder, image_size=40, patch_size=8, num_layers=4, activation='gelu', norm_output=False, **layer
    ),
    vision_pooling=dict(type=AttentionalPooler, width=128, num_heads=4, num_queries=33),
    text_encoder=dict(type=ClassTokenTextEncoder, vocab_size=1000, max_positions=64, num_layers=2, **layer),
    multimodal=dict(type=MultimodalLayers, vocab_size=1000, num_layers=2, **layer),
    projection_dim=128,
)
head = dict(projection_dim=128, head=dict(type=LogitScaleHead))
instructions = False
find_unused_parameters = True
