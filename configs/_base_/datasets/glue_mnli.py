# GLUE, MNLI: does the premise entail or contradict the hypothesis? 392,702 to train on.
from mmengine.config import read_base

with read_base():
    from .glue import *

data_root = 'data/glue/MNLI'
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader['dataset'].update(task='mnli', ann_file=[f'{data_root}/dev_matched.tsv', f'{data_root}/dev_mismatched.tsv'])
for evaluator in (val_evaluator, test_evaluator):
    evaluator[0].update(task='mnli')
for loader in (val_dataloader, test_dataloader):
    loader['dataset']['pipeline'][1].update(fields=['label', 'index', 'subset'])
train_dataloader['dataset'].update(ann_file=f'{data_root}/train.tsv')
train_dataloader.update(batch_size=128)
del loader, evaluator
