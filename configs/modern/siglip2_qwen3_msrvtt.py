# mPLUG-2 of today's parts, video captioning on MSRVTT: SigLIP 2 B/16 with local temporal modules between its layers, BERT's
# text and universal layers, and Qwen3 0.6B, which reads what they make as its first words. Weights: folders as on the hub.
from mmengine.config import read_base

from mplug2.modules import HuggingFaceDecoder, HuggingFaceVisionEncoder, LinearProjector, LocalTemporal
from mplug2.preprocessor import MultiModalDataPreprocessor
from mplug2.text import FileTokenizer

with read_base():
    from ..video_captioning.mplug2_base_msrvtt import *

siglip, qwen = 'weights/siglip2-base-patch16-224', 'weights/Qwen3-0.6B'
projector = dict(type=LinearProjector)
model['network']['vision_encoder'] = dict(type=HuggingFaceVisionEncoder, model=siglip, temporal=dict(type=LocalTemporal))
model['network']['decoder'] = dict(type=HuggingFaceDecoder, model=qwen)
model['network'].update(projectors=dict(vision_decoder=projector, fused_decoder=projector, text_decoder=None))
words = dict(type=FileTokenizer, vocab=f'{qwen}/tokenizer.json', start='<|im_start|>', end='<|im_end|>', vocab_size=151936)
model.update(tokenizer=None, tokenizers=dict(text=tokenizer, decoder=words), init_cfg=None)
model.update(data_preprocessor=dict(type=MultiModalDataPreprocessor, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)))
target.update(tokenizer=words)
train_dataloader['dataset'].update(pipeline=[*read_train, *ask, target, dict(type=PackInputs)])
