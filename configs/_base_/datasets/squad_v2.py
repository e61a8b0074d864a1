# SQuAD 2.0: as 1.1, and for a third of the questions the text has no answer.
from mmengine.config import read_base

from mplug2.evaluation import SQuADMetric

with read_base():
    from .squad_v1 import *

train_dataloader['dataset'].update(ann_file=f'{data_root}/train-v2.0.json')
test_dataloader['dataset'].update(ann_file=f'{data_root}/dev-v2.0.json')
test_evaluator = [dict(type=SQuADMetric, out_file='squad_v2_predictions.json')]
