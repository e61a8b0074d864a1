# GIT at the size of the mini benchmark.
from mplug2.modules import DualVisionEncoder, LinearProjector
from mplug2.projects.git import FrameEmbedding, GitNetwork, PrefixDecoder

layer = dict(width=128, num_heads=4, ffn_dim=256)
network = dict(
    type=GitNetwork,
    vision_encoder=dict(type=DualVisionEncoder, image_size=40, patch_size=8, num_layers=4, **layer),
    frame_embedding=dict(type=FrameEmbedding, num_frames=4, width=128),
    projectors=dict(vision_decoder=dict(type=LinearProjector)),
    decoder=dict(type=PrefixDecoder, vocab_size=1000, max_positions=64, num_layers=4, dropout=0.0, **layer),
)
