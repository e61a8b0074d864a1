# X-CLIP at the size of the mini benchmark.
from mplug2.modules import LogitScaleHead
from mplug2.projects.clip import CausalTextEncoder
from mplug2.projects.clip4clip import FrameTransformer
from mplug2.projects.xclip import CrossFrameEncoder, VideoPrompts, XclipNetwork

layer = dict(width=128, num_heads=4, ffn_dim=256)
network = dict(
    type=XclipNetwork,
    vision_encoder=dict(type=CrossFrameEncoder, image_size=40, patch_size=8, num_layers=4, num_frames=4, **layer),
    text_encoder=dict(type=CausalTextEncoder, vocab_size=1000, max_positions=64, num_layers=3, **layer),
    temporal=dict(type=FrameTransformer, num_layers=1, eps=1e-5, **layer),
    prompts=dict(type=VideoPrompts, width=128, num_layers=2, num_heads=4),
    projection_dim=128,
)
head = dict(projection_dim=128, head=dict(type=LogitScaleHead))
