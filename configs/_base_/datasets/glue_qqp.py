# GLUE, QQP: do two questions ask the same? 363,846 to train on.
from mmengine.config import read_base

with read_base():
    from .glue import *

data_root = 'data/glue/QQP'
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset'].update(task='qqp', ann_file=f'{data_root}/dev.tsv')
for evaluator in (val_evaluator, test_evaluator):
    evaluator[0].update(task='qqp')
train_dataloader['dataset'].update(ann_file=f'{data_root}/train.tsv')
train_dataloader.update(batch_size=128)
del loader, evaluator
