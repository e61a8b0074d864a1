# mPLUG-2 Base, grounding, second stage: 30 epochs at 2e-6 on RefCOCO, from the best of the first stage.
# testB: --cfg-options test_dataloader.dataset.split=testB
from mmengine.config import read_base

with read_base():
    from .mplug2_base_refcoco_union import *

model['init_cfg'].update(source='weights/mplug2_base_refcoco_union.pth', new=[])
phrases = dict(refs=f'{data_root}/refcoco/refs.json', instances=f'{data_root}/refcoco/instances.json')
words.update(max_words=20)
train_dataloader['dataset'].update(**phrases, exclude=None, pipeline=[*read_train, words, boxes, pack])
val_dataloader['dataset'].update(**phrases, pipeline=[*read_test, words, boxes, scored])
test_dataloader['dataset'].update(**phrases, split='testA', pipeline=[*read_test, words, boxes, scored])
optim_wrapper['optimizer'].update(lr=2e-6)
train_cfg.update(max_epochs=30)
