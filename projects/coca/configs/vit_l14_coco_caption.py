# CoCa ViT-L/14, COCO captions (Karpathy): 10,000 steps at 1e-5, 128 captions a step.
from mmengine.config import read_base

from mplug2.tasks import Captioning

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.coco_caption import *
    from ._vit_l14 import *

model['tasks'] = dict(
    captioning=dict(
        type=Captioning, media='image', condition='vision', generation=dict(num_beams=5, min_length=4, max_length=25)
    )
)
for loader in (train_dataloader, val_dataloader, test_dataloader):
    for step in loader['dataset']['pipeline']:
        if 'size' in step:
            step.update(size=224)
        if 'tokenizer' in step:
            step.update(tokenizer=tokenizer)
        if 'instruction' in step:
            step.update(instruction=None)
del loader, step
train_dataloader.update(batch_size=16)
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=None, max_iters=10000, val_interval=2000)
auto_scale_lr.update(base_batch_size=128)
default_hooks['checkpoint'].update(save_best='CIDEr-D')
