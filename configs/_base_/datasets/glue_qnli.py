# GLUE, QNLI: does the sentence answer the question? 104,743 to train on.
from mmengine.config import read_base

with read_base():
    from .glue import *

data_root = 'data/glue/QNLI'
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset'].update(task='qnli', ann_file=f'{data_root}/dev.tsv')
for evaluator in (val_evaluator, test_evaluator):
    evaluator[0].update(task='qnli')
train_dataloader['dataset'].update(ann_file=f'{data_root}/train.tsv')
del loader, evaluator
