# BLIP-2 at the size of the mini benchmark, image captioning: a Q-Former before a Llama-shaped language model. All of it learns,
# since nothing of it was pre-trained.
from mmengine.config import read_base

from mplug2.model import MPlug2
from mplug2.modules import DualVisionEncoder, HuggingFaceDecoder
from mplug2.networks import MPlug2Network
from mplug2.projects.blip2 import QFormer

with read_base():
    from mplug2.configs.mini.image_captioning import *

layer = dict(width=128, num_heads=4, ffn_dim=256)
llama = dict(model_type='llama', vocab_size=1000, hidden_size=128, intermediate_size=256, num_hidden_layers=2)
llama.update(num_attention_heads=4, max_position_embeddings=128, tie_word_embeddings=True)
network = dict(
    type=MPlug2Network,
    vision_encoder=dict(type=DualVisionEncoder, image_size=40, patch_size=8, num_layers=4, **layer),
    decoder=dict(type=HuggingFaceDecoder, model=llama),
    projectors=dict(
        vision_decoder=dict(type=QFormer, hidden_dim=128, num_queries=8, num_layers=2, num_heads=4, ffn_dim=256, dropout=0.0)
    ),
)
model = dict(type=MPlug2, tokenizer=tokenizer, network=network, tasks=model['tasks'])
model['tasks']['captioning'].update(condition='vision')
train_dataloader['dataset'].update(pipeline=[*read, target, pack])
for loader in (val_dataloader, test_dataloader):
    loader['dataset'].update(pipeline=[*read, pack])
del loader
