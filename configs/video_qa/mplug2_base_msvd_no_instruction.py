# Table 14: MSVD-QA without instructions.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msvd import *

loaders = [loader for loader in (train_dataloader, val_dataloader, test_dataloader) if loader is not None]
for step in [step for loader in loaders for step in loader['dataset']['pipeline'] if 'instruction' in step]:
    step.update(instruction=None)
del loaders, step
