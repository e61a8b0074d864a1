# mPLUG-2 Base, MSVD captioning as the published weights were tested: vision alone is decoded, frames squashed with nearest
# neighbours, and the prompt 'a video of', which those weights say first, cut off. Training is ours, without the prompt.
from mmengine.config import read_base

from mplug2.datasets.transforms import PackInputs

with read_base():
    from .mplug2_base_msvd import *

model['tasks']['captioning'].update(
    condition='vision', generation=dict(num_beams=5, min_length=4, max_length=20), prompt='a video of'
)
val_dataloader['dataset'].update(pipeline=[*read_as_published, scored])
test_dataloader['dataset'].update(pipeline=[*read_as_published, scored])
train_dataloader['dataset'].update(pipeline=[*read_train, target, dict(type=PackInputs)])
