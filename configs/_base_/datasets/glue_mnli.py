# GLUE, MNLI: does the premise entail or contradict the hypothesis? 392,702 to train on.
from mmengine.config import read_base

from mplug2.evaluation import GLUEMetric

with read_base():
    from .glue import *

data_root = 'data/glue/MNLI'
scored.update(fields=['label', 'index', 'subset'])
train_dataloader['dataset'].update(task='mnli', ann_file=f'{data_root}/train.tsv')
train_dataloader.update(batch_size=128)
val_dataloader['dataset'].update(
    task='mnli', ann_file=[f'{data_root}/dev_matched.tsv', f'{data_root}/dev_mismatched.tsv'], pipeline=[texts, scored]
)
test_dataloader = val_dataloader
val_evaluator = [dict(type=GLUEMetric, task='mnli')]
test_evaluator = val_evaluator
