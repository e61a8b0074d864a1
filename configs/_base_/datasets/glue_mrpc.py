# GLUE, MRPC: do two sentences say the same? 3,668 to train on.
from mmengine.config import read_base

with read_base():
    from .glue import *

data_root = 'data/glue/MRPC'
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset'].update(task='mrpc', ann_file=f'{data_root}/dev.tsv')
for evaluator in (val_evaluator, test_evaluator):
    evaluator[0].update(task='mrpc')
train_dataloader['dataset'].update(ann_file=f'{data_root}/train.tsv')
del loader, evaluator
