# Flamingo at the size of the mini benchmark: a resampler, and gates before the layers of a Llama-shaped language model. All of
# it learns, since nothing of it was pre-trained.
from mplug2.modules import DualVisionEncoder
from mplug2.projects.flamingo import GatedDecoder, PerceiverResampler
from mplug2.projects.git import GitNetwork

layer = dict(width=128, num_heads=4, ffn_dim=256)
llama = dict(model_type='llama', vocab_size=1000, hidden_size=128, intermediate_size=256, num_hidden_layers=4)
llama.update(num_attention_heads=4, max_position_embeddings=128)
network = dict(
    type=GitNetwork,
    vision_encoder=dict(type=DualVisionEncoder, image_size=40, patch_size=8, num_layers=4, norm_output=False, **layer),
    projectors=dict(vision_decoder=dict(type=PerceiverResampler, num_latents=8, num_layers=2, num_heads=4, head_dim=32)),
    decoder=dict(type=GatedDecoder, model=llama, memory_width=128, every=2),
)
