# SigLIP ViT-B/16 (or SigLIP 2, with pad_id=0, vocab_size=256000 and clean='lower'), text-to-video retrieval on MSRVTT (1k-A),
# from a folder of google/siglip-base-patch16-224: the mean of 12 frames; 5 epochs at 1e-5, 128 pairs a step.
from mmengine.config import read_base

from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.modules import LogitScaleHead
from mplug2.objectives import SigmoidContrast
from mplug2.preprocessor import MultiModalDataPreprocessor
from mplug2.projects.siglip import AttentionPooling, PaddedTextEncoder, PatchEncoder, SiglipNetwork
from mplug2.tasks import Retrieval
from mplug2.text import FileTokenizer

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.msrvtt_retrieval import *

weights = 'weights/siglip-base-patch16-224'
tokenizer = dict(type=FileTokenizer, vocab=f'{weights}/tokenizer.json', vocab_size=32000)
layer = dict(width=768, num_heads=12, ffn_dim=3072)
model = dict(
    type=MPlug2,
    tokenizers=dict(text=tokenizer),
    data_preprocessor=dict(type=MultiModalDataPreprocessor, mean=[0.5] * 3, std=[0.5] * 3),
    network=dict(
        type=SiglipNetwork,
        vision_encoder=dict(type=PatchEncoder, image_size=224, patch_size=16, num_layers=12, **layer),
        vision_pooling=dict(type=AttentionPooling, **layer),
        text_encoder=dict(type=PaddedTextEncoder, vocab_size=32000, max_positions=64, num_layers=12, **layer),
        projection_dim=768,
    ),
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media='video',
            projection_dim=768,
            head=dict(type=LogitScaleHead, temperature=0.1, bias=-10.0, largest=None),
            contrastive=dict(type=SigmoidContrast, bias=None),
        )
    ),
    init_cfg=dict(type=ForeignWeights, source=weights),
)
for loader in (train_dataloader, test_dataloader):
    for step in loader['dataset']['pipeline']:
        if 'tokenizer' in step:
            step.update(tokenizer=tokenizer, instruction=None, max_length=64, clean='canonical')
del loader, step
train_dataloader.update(batch_size=16)
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=5)
auto_scale_lr.update(base_batch_size=128)
