# SigLIP at the size of the mini benchmark.
from mplug2.modules import LogitScaleHead
from mplug2.objectives import SigmoidContrast
from mplug2.projects.siglip import AttentionPooling, PaddedTextEncoder, PatchEncoder, SiglipNetwork

layer = dict(width=128, num_heads=4, ffn_dim=256)
network = dict(
    type=SiglipNetwork,
    vision_encoder=dict(type=PatchEncoder, image_size=40, patch_size=8, num_layers=4, **layer),
    vision_pooling=dict(type=AttentionPooling, **layer),
    text_encoder=dict(type=PaddedTextEncoder, vocab_size=1000, max_positions=64, pad_id=0, num_layers=2, **layer),
    projection_dim=128,
)
head = dict(type=LogitScaleHead, temperature=0.1, bias=-10.0, largest=None)
task = dict(projection_dim=128, head=head, contrastive=dict(type=SigmoidContrast, bias=None))
instructions = False
