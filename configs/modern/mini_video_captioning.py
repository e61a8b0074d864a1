# mPLUG-2 of today's parts at the size of the mini benchmark: a SigLIP encoder with local temporal modules between its layers,
# universal and fusion layers, and a Qwen3-shaped language model that reads what they make as its first words.
from mmengine.config import read_base

from mplug2.modules import HuggingFaceDecoder, HuggingFaceVisionEncoder, LinearProjector, LocalTemporal
from mplug2.preprocessor import MultiModalDataPreprocessor

with read_base():
    from ..mini.video_captioning import *

layers = dict(hidden_size=128, num_attention_heads=4, intermediate_size=256)
siglip = dict(model_type='siglip_vision_model', image_size=40, patch_size=8, num_hidden_layers=4, **layers)
qwen = dict(model_type='qwen3', num_hidden_layers=2, num_key_value_heads=2, head_dim=32, vocab_size=1000, **layers)
qwen.update(max_position_embeddings=256, tie_word_embeddings=True)
projector = dict(type=LinearProjector)
model['network']['vision_encoder'] = dict(type=HuggingFaceVisionEncoder, model=siglip, temporal=dict(type=LocalTemporal))
model['network']['decoder'] = dict(type=HuggingFaceDecoder, model=qwen)
model['network'].update(projectors=dict(vision_decoder=projector, fused_decoder=projector, text_decoder=None))
model.update(data_preprocessor=dict(type=MultiModalDataPreprocessor, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)))
