# ALBEF, image-text retrieval on COCO (Karpathy's split): 5 epochs at 1e-5, 256 pairs a step, momentum encoder and queues.
from mmengine.config import read_base

from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import Retrieval

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.coco_retrieval import *
    from ._base import *

model['tasks'] = dict(
    retrieval=dict(
        type=Retrieval,
        media='image',
        projection_dim=256,
        contrastive=dict(type=MomentumContrast, momentum=0.995, queue_size=65536, distill_alpha=0.4, distill_warmup=2000),
        matching=dict(type=HardNegativeMatching),
    )
)
for loader in (train_dataloader, val_dataloader, test_dataloader):
    for step in loader['dataset']['pipeline']:
        if 'size' in step:
            step.update(size=384)
        if 'tokenizer' in step:
            step.update(tokenizer=tokenizer, instruction=None)
del loader, step
train_dataloader.update(batch_size=32)
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=5)
auto_scale_lr.update(base_batch_size=256)
