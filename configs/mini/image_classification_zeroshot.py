# The digit by the words for it, with what image-text retrieval or pre-training has taught and nothing else: mplug2 test CONFIG
# mplug2_tiny, or a checkpoint.
from mmengine.config import read_base

from mplug2.tasks import ZeroShotClassification

with read_base():
    from .image_classification import *

colours = ('red', 'yellow', 'green', 'blue', 'purple', 'pink', 'black', 'orange')
model['tasks'] = dict(
    retrieval=dict(  # as pre-training names what it reads the embeddings by
        type=ZeroShotClassification,
        instruction='retrieval',
        names=f'{data_root}/LOC_synset_mapping.txt',
        templates=[f'a large {colour} {{}}' for colour in colours],
        projection_dim=128,
    )
)
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
