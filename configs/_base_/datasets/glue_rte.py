# GLUE, RTE: does the first sentence entail the second? 2,490 to train on.
from mmengine.config import read_base

with read_base():
    from .glue import *

data_root = 'data/glue/RTE'
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset'].update(task='rte', ann_file=f'{data_root}/dev.tsv')
for evaluator in (val_evaluator, test_evaluator):
    evaluator[0].update(task='rte')
train_dataloader['dataset'].update(ann_file=f'{data_root}/train.tsv')
del loader, evaluator
