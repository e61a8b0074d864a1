# CLIP ViT-B/16, text-to-video retrieval on MSRVTT (1k-A): the mean of 12 frames; 5 epochs at 1e-5, 128 pairs a step.
# Without training: mplug2 test clip/vit_b16_msrvtt weights/clip.safetensors, which mplug2 convert writes.
from mmengine.config import read_base

from mplug2.objectives import InBatchContrast
from mplug2.tasks import Retrieval

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.msrvtt_retrieval import *
    from ._vit_b16 import *

model['tasks'] = dict(retrieval=dict(type=Retrieval, media='video', contrastive=dict(type=InBatchContrast), **head))
for loader in (train_dataloader, test_dataloader):
    for step in loader['dataset']['pipeline']:
        if 'tokenizer' in step:
            step.update(tokenizer=tokenizer, instruction=None, max_length=77)
del loader, step
train_dataloader.update(batch_size=16)
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=5)
auto_scale_lr.update(base_batch_size=128)
