# CLIP ViT-B/16, ImageNet-1K by the names of its classes: mplug2 test clip/vit_b16_imagenet_zeroshot weights/clip.safetensors
from mmengine.config import read_base

from mplug2.tasks import ZeroShotClassification

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.imagenet import *
    from ._vit_b16 import *

model['tasks'] = dict(
    retrieval=dict(
        type=ZeroShotClassification,
        instruction=None,
        names=f'{data_root}/LOC_synset_mapping.txt',
        templates=[
            'a photo of a {}.',
            'a photo of the {}.',
            'a close-up photo of a {}.',
            'art of the {}.',
            'a photo of many {}.',
        ],
        **head,
    )
)
model.update(init_cfg=None)
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
