# GLUE, SST-2: sentiment of sentences from movie reviews; 67,349 to train on.
from mmengine.config import read_base

from mplug2.evaluation import GLUEMetric

with read_base():
    from .glue import *

data_root = 'data/glue/SST-2'
texts.update(second=None)
train_dataloader['dataset'].update(task='sst2', ann_file=f'{data_root}/train.tsv', pipeline=[texts, labelled])
val_dataloader['dataset'].update(task='sst2', ann_file=f'{data_root}/dev.tsv', pipeline=[texts, scored])
test_dataloader = val_dataloader
val_evaluator = [dict(type=GLUEMetric, task='sst2')]
test_evaluator = val_evaluator
