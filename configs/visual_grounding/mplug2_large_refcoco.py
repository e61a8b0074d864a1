# mPLUG-2 Large, grounding, second stage: 30 epochs at 2e-6 on RefCOCO, from the best of the first stage.
# testB: --cfg-options test_dataloader.dataset.split=testB
from mmengine.config import read_base

with read_base():
    from .mplug2_large_refcoco_union import *

model['init_cfg'].update(source='weights/mplug2_large_refcoco_union.pth', new=[])
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset'].update(refs=f'{data_root}/refcoco/refs.json', instances=f'{data_root}/refcoco/instances.json')
    for step in loader['dataset']['pipeline']:
        if 'max_words' in step:
            step.update(max_words=20)
del loader, step
train_dataloader['dataset'].update(exclude=None)
test_dataloader['dataset'].update(split='testA')
optim_wrapper['optimizer'].update(lr=2e-6)
train_cfg.update(max_epochs=30)
