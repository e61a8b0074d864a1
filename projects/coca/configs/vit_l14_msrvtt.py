# CoCa ViT-L/14, text-to-video retrieval on MSRVTT (1k-A), pooled over the tokens of 8 frames as in VideoCoCa: 5 epochs at 1e-5,
# 128 pairs a step.
from mmengine.config import read_base

from mplug2.objectives import InBatchContrast
from mplug2.tasks import Retrieval

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.msrvtt_retrieval import *
    from ._vit_l14 import *

model['tasks'] = dict(retrieval=dict(type=Retrieval, media='video', contrastive=dict(type=InBatchContrast), **head))
for loader in (train_dataloader, test_dataloader):
    for step in loader['dataset']['pipeline']:
        if 'num_frames' in step:
            step.update(num_frames=8)
        if 'tokenizer' in step:
            step.update(tokenizer=tokenizer, instruction=None, max_length=76)
del loader, step
train_dataloader.update(batch_size=16)
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=5)
auto_scale_lr.update(base_batch_size=128)
