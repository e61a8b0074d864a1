# GLUE, SST-2: sentiment of sentences from movie reviews; 67,349 to train on.
from mmengine.config import read_base

with read_base():
    from .glue import *

data_root = 'data/glue/SST-2'
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset'].update(task='sst2', ann_file=f'{data_root}/dev.tsv')
    loader['dataset']['pipeline'][0].update(second=None)
for evaluator in (val_evaluator, test_evaluator):
    evaluator[0].update(task='sst2')
train_dataloader['dataset'].update(ann_file=f'{data_root}/train.tsv')
del loader, evaluator
