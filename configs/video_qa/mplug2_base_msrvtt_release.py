# mPLUG-2 Base, MSRVTT-QA as the published weights were tested: the bare question, of at most 50 words, frames squashed with
# nearest neighbours, answers of 1 to 10 tokens at 5 beams. Training asks the bare question too, and is otherwise ours.
from mmengine.config import read_base

from mplug2.datasets.transforms import PackInputs

with read_base():
    from .mplug2_base_msrvtt import *

bare = dict(ask, instruction=None)
train_dataloader['dataset'].update(pipeline=[*read_train, bare, answer, dict(type=PackInputs)])
val_dataloader['dataset'].update(pipeline=[*read_as_published, dict(bare, max_words=50), scored])
test_dataloader['dataset'].update(pipeline=[*read_as_published, dict(bare, max_words=50), scored])
