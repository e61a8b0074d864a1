# Table 14 on the embedded benchmark: question answering without instructions.
from mmengine.config import read_base

with read_base():
    from .video_qa import *

loaders = [loader for loader in (train_dataloader, val_dataloader, test_dataloader) if loader is not None]
for step in [step for loader in loaders for step in loader['dataset']['pipeline'] if 'instruction' in step]:
    step.update(instruction=None)
del loaders, step
