# CLIP4Clip (seqTransf), text-to-video retrieval on MSRVTT (1k-A), from CLIP ViT-B/32: 12 frames; 5 epochs at 1e-4, CLIP itself
# at a thousandth of it, 128 pairs a step.
from mmengine.config import read_base

from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.modules import DualVisionEncoder, LogitScaleHead
from mplug2.objectives import InBatchContrast
from mplug2.projects.clip import CausalTextEncoder
from mplug2.projects.clip4clip import Clip4ClipNetwork, FrameTransformer
from mplug2.tasks import Retrieval
from mplug2.text import FileTokenizer

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.msrvtt_retrieval import *

weights = 'weights/clip-vit-base-patch32'
tokenizer = dict(type=FileTokenizer, vocab=f'{weights}/tokenizer.json', vocab_size=49408)
words = dict(width=512, num_heads=8, ffn_dim=2048)
pixels = dict(width=768, num_heads=12, ffn_dim=3072)
model = dict(
    type=MPlug2,
    tokenizers=dict(text=tokenizer),
    network=dict(
        type=Clip4ClipNetwork,
        vision_encoder=dict(type=DualVisionEncoder, image_size=224, patch_size=32, num_layers=12, **pixels),
        text_encoder=dict(type=CausalTextEncoder, num_layers=12, **words),
        projection_dim=512,
        temporal=dict(type=FrameTransformer, num_layers=4, **words),
    ),
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media='video',
            projection_dim=512,
            head=dict(type=LogitScaleHead),
            contrastive=dict(type=InBatchContrast),
        )
    ),
    init_cfg=dict(type=ForeignWeights, source=weights, new=['temporal.*']),
)
for loader in (train_dataloader, test_dataloader):
    for step in loader['dataset']['pipeline']:
        if 'tokenizer' in step:
            step.update(tokenizer=tokenizer, instruction=None, max_length=32)
del loader, step
train_dataloader.update(batch_size=16)
optim_wrapper['optimizer'].update(lr=1e-4)
slow = dict(lr_mult=1e-3)
names = ('vision_encoder', 'text_encoder', 'vision_projection', 'text_projection')
optim_wrapper['paramwise_cfg'].update(custom_keys={name: slow for name in names})
train_cfg.update(max_epochs=5)
auto_scale_lr.update(base_batch_size=128)
