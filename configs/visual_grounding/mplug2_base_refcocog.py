# mPLUG-2 Base, grounding, second stage: 30 epochs at 2e-6 on RefCOCOg (UMD split), from the best of the first stage.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_refcoco_union import *

model['init_cfg'].update(source='weights/mplug2_base_refcoco_union.pth', new=[])
phrases = dict(refs=f'{data_root}/refcocog/refs.json', instances=f'{data_root}/refcocog/instances.json')
train_dataloader['dataset'].update(**phrases, exclude=None)
val_dataloader['dataset'].update(**phrases)
test_dataloader['dataset'].update(**phrases, split='test')
optim_wrapper['optimizer'].update(lr=2e-6)
train_cfg.update(max_epochs=30)
