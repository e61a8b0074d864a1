# Table 14 on the embedded benchmark: pre-training without instructions.
from mmengine.config import read_base

with read_base():
    from .pretrain import *

pipelines = [source['dataset']['pipeline'] for source in sources.values()] + [val_dataloader['dataset']['pipeline']]
for step in [step for pipeline in pipelines for step in pipeline if 'instruction' in step]:
    step.update(instruction=None)
del pipelines, step
