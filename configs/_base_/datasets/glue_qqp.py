# GLUE, QQP: do two questions ask the same? 363,846 to train on.
from mmengine.config import read_base

from mplug2.evaluation import GLUEMetric

with read_base():
    from .glue import *

data_root = 'data/glue/QQP'
train_dataloader['dataset'].update(task='qqp', ann_file=f'{data_root}/train.tsv')
train_dataloader.update(batch_size=128)
val_dataloader['dataset'].update(task='qqp', ann_file=f'{data_root}/dev.tsv')
test_dataloader = val_dataloader
val_evaluator = [dict(type=GLUEMetric, task='qqp')]
test_evaluator = val_evaluator
