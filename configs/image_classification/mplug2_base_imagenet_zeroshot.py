# mPLUG-2 Base as pre-trained, ImageNet-1K by the names of its classes: mplug2 test CONFIG CHECKPOINT, where the checkpoint is
# pre-training's.
from mmengine.config import read_base

from mplug2.tasks import ZeroShotClassification

with read_base():
    from .mplug2_base_imagenet import *

model.update(init_cfg=None)
model['tasks'] = dict(
    retrieval=dict(  # as pre-training names what it reads the embeddings by
        type=ZeroShotClassification,
        instruction='retrieval',
        names=f'{data_root}/LOC_synset_mapping.txt',
        templates=['a photo of a {}', 'a photo of the {}', 'a close photo of a {}', 'a drawing of a {}', 'many {}'],
    )
)
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
