# GLUE, QNLI: does the sentence answer the question? 104,743 to train on.
from mmengine.config import read_base

from mplug2.evaluation import GLUEMetric

with read_base():
    from .glue import *

data_root = 'data/glue/QNLI'
train_dataloader['dataset'].update(task='qnli', ann_file=f'{data_root}/train.tsv')
val_dataloader['dataset'].update(task='qnli', ann_file=f'{data_root}/dev.tsv')
test_dataloader = val_dataloader
val_evaluator = [dict(type=GLUEMetric, task='qnli')]
test_evaluator = val_evaluator
