# GLUE, RTE: does the first sentence entail the second? 2,490 to train on.
from mmengine.config import read_base

from mplug2.evaluation import GLUEMetric

with read_base():
    from .glue import *

data_root = 'data/glue/RTE'
train_dataloader['dataset'].update(task='rte', ann_file=f'{data_root}/train.tsv')
val_dataloader['dataset'].update(task='rte', ann_file=f'{data_root}/dev.tsv')
test_dataloader = val_dataloader
val_evaluator = [dict(type=GLUEMetric, task='rte')]
test_evaluator = val_evaluator
