# BLIP-2 ViT-g/14 and OPT 2.7B, COCO captions (Karpathy): the Q-Former learns, the rest keeps its weights; 5 epochs at 1e-5, 256
# captions a step. Weights: a folder as on the hub (Salesforce/blip2-opt-2.7b).
from mmengine.config import read_base

from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.modules import DualVisionEncoder, HuggingFaceDecoder
from mplug2.networks import MPlug2Network
from mplug2.projects.blip2 import QFormer
from mplug2.tasks import Captioning
from mplug2.text import FileTokenizer

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.coco_caption import *

weights = 'weights/blip2-opt-2.7b'
opt = dict(model_type='opt', vocab_size=50304, hidden_size=2560, ffn_dim=10240, num_hidden_layers=32, num_attention_heads=32)
opt.update(word_embed_proj_dim=2560)
pre_norm = dict(eps=1e-6, activation='gelu', pre_norm_embedding=False, patch_bias=True, position_resize='bicubic')
vision = dict(image_size=224, patch_size=14, width=1408, num_layers=39, num_heads=16, ffn_dim=6144, **pre_norm)
tokenizer = dict(type=FileTokenizer, vocab=f'{weights}/tokenizer.json', start=2, end=50118, pad=1, vocab_size=50304)
model = dict(
    type=MPlug2,
    tokenizer=tokenizer,
    network=dict(
        type=MPlug2Network,
        vision_encoder=dict(type=DualVisionEncoder, **vision),
        decoder=dict(type=HuggingFaceDecoder, model=opt),
        projectors=dict(vision_decoder=dict(type=QFormer)),
    ),
    tasks=dict(captioning=dict(type=Captioning, media='image', condition='vision')),
    frozen=['vision_encoder', 'decoder'],
    init_cfg=dict(type=ForeignWeights, source=weights),
)
target.update(tokenizer=tokenizer)
train_dataloader['dataset'].update(pipeline=[*read_train, target, dict(type=PackInputs)])
for loader in (val_dataloader, test_dataloader):
    loader['dataset'].update(pipeline=[*read_test, scored])
for loader in (train_dataloader, val_dataloader, test_dataloader):
    for step in loader['dataset']['pipeline']:
        if 'size' in step:
            step.update(size=224)
del loader, step
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=5, val_interval=2214)
auto_scale_lr.update(base_batch_size=256)
default_hooks['checkpoint'].update(save_best='CIDEr-D')
