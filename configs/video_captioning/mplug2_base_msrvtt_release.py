# mPLUG-2 Base, MSRVTT captioning as the published weights were tested: vision alone is decoded, official train + validate
# (7,010 clips) and test (2,990) splits, frames squashed with nearest neighbours, and the prompt 'a video of', which those
# weights say first, cut off. Training differs from theirs: they put that prompt, without a blank and hardly learned, before
# each caption ("of ##a man"); here captions alone are learned, so that generation starts as training does.
from mmengine.config import read_base

from mplug2.tasks import Captioning
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.msrvtt_caption import *

captioning = dict(
    type=Captioning,
    media='video',
    condition='vision',
    generation=dict(num_beams=5, min_length=4, max_length=20),
    prompt='a video of',
)
model.update(
    tasks=dict(captioning=captioning),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
train_dataloader['dataset'].update(split='train+validate', ids=None)
test_dataloader['dataset'].update(split='test', ids=None, pipeline=[load, dict(squash, interpolation='nearest'), *ask, scored])
optim_wrapper['optimizer'].update(lr=2e-5)
train_cfg.update(max_epochs=10)
auto_scale_lr.update(base_batch_size=128)
