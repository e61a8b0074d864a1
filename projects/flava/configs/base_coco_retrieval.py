# FLAVA, image-text retrieval on COCO (Karpathy split), from a folder of facebook/flava-full: 224 pixels, 5 epochs at 1e-5,
# 256 pairs a step; matching re-ranks.
from mmengine.config import read_base

from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.modules import BertTextEncoder, DualVisionEncoder, LogitScaleHead
from mplug2.objectives import HardNegativeMatching, InBatchContrast
from mplug2.projects.flava import FlavaNetwork, JointEncoder
from mplug2.tasks import Retrieval
from mplug2.text import BertTokenizer

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.coco_retrieval import *

tokenizer = dict(type=BertTokenizer, policy='bert_pair')
layer = dict(width=768, num_heads=12, ffn_dim=3072, eps=1e-12)
model = dict(
    type=MPlug2,
    tokenizer=tokenizer,
    network=dict(
        type=FlavaNetwork,
        vision_encoder=dict(
            type=DualVisionEncoder,
            image_size=224,
            patch_size=16,
            num_layers=12,
            activation='gelu',
            pre_norm_embedding=False,
            patch_bias=True,
            norm_output=False,
            position_resize='bicubic',
            **layer,
        ),
        text_encoder=dict(
            type=BertTextEncoder,
            vocab_size=30522,
            max_positions=512,
            num_layers=12,
            norm='pre',
            dropout=0.0,
            **layer,
        ),
        fusion=dict(type=JointEncoder, num_layers=6, **layer),
    ),
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media='image',
            projection_dim=768,
            head=dict(type=LogitScaleHead, project=True),
            contrastive=dict(type=InBatchContrast),
            matching=dict(type=HardNegativeMatching),
        )
    ),
    init_cfg=dict(type=ForeignWeights, source='weights/flava-full'),
)
for loader in (train_dataloader, val_dataloader, test_dataloader):
    for step in loader['dataset']['pipeline']:
        if 'size' in step:
            step.update(size=224)
        if 'tokenizer' in step:
            step.update(tokenizer=tokenizer, instruction=None, max_length=77)
del loader, step
train_dataloader.update(batch_size=32)
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=5)
auto_scale_lr.update(base_batch_size=256)
