# Captions of clips in the words of a small vocabulary, by a decoder that is wider than the network before it.
from mmengine.config import read_base

with read_base():
    from mplug2.configs.mini.video_captioning import *

projector = dict(type='LinearProjector')
model['network']['decoder'] = dict(type='WideDecoder', vocab_size=113, width=160, num_layers=2, num_heads=4, ffn_dim=320)
model['network'].update(projectors=dict(vision_decoder=projector, fused_decoder=projector, text_decoder=None))
small_vocabulary = dict(type='SmallVocabulary')
model.update(tokenizer=None, tokenizers=dict(text=tokenizer, decoder=small_vocabulary))
model['blocks'] = dict(recompute=['vision_encoder', 'decoder'])
train_dataloader['dataset'].update(pipeline=[*read, instruct, dict(target, tokenizer=small_vocabulary), pack])
optim_wrapper.update(constructor='LayerDecayConstructor')
optim_wrapper['paramwise_cfg'].update(layer_decay=0.8)
