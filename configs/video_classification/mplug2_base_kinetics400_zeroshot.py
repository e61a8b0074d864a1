# mPLUG-2 Base as pre-trained, Kinetics-400 by the names of its actions: mplug2 test CONFIG CHECKPOINT, where the checkpoint is
# pre-training's.
from mmengine.config import read_base
from mmengine.runner import TestLoop

from mplug2.tasks import ZeroShotClassification

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.datasets.kinetics import *

model.update(
    tasks=dict(
        retrieval=dict(  # as pre-training names what it reads the embeddings by
            type=ZeroShotClassification,
            instruction='retrieval',
            media='video',
            names='data/kinetics400/label_map.txt',
            templates=['a video of {}', 'a person {}', 'a clip of a person {}', 'people {}'],
        )
    )
)
train_dataloader = val_dataloader = val_evaluator = None
test_cfg = dict(type=TestLoop)
