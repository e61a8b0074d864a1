# mPLUG-2 Base, MSRVTT captioning as the published weights were trained and tested: vision alone is decoded, official train +
# validate (7,010 clips) and test (2,990) splits, frames squashed with nearest neighbours, and the prompt 'a video of', which
# those weights say first, cut off. From the paper's recipe training differs as theirs does: 2e-6 for the vision encoder, betas
# 0.9 and 0.999, 200 steps of warm-up, RandAugment(2, 5), frames sampled as theirs are, and the prompt before each caption,
# without a space between them and with its last word learned ("a video of ##a man"). Weight decay here reaches norms and biases
# of the vision encoder too.
from mmengine.config import read_base

from mplug2.datasets.transforms import PackInputs, RandAugment
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
prompted = dict(target, prompt='a video of', prompt_space=False)
augment = dict(type=RandAugment, num_ops=2, magnitude=5)
train_dataloader['dataset'].update(
    split='train+validate',
    ids=None,
    pipeline=[dict(load, sampling='published'), crop, flip, augment, prompted, dict(type=PackInputs)],
)
test_dataloader['dataset'].update(split='test', ids=None, pipeline=[*read_as_published, scored])
optim_wrapper['optimizer'].update(lr=2e-5, betas=(0.9, 0.999))
optim_wrapper['paramwise_cfg'].update(custom_keys={'network.vision_encoder': dict(lr_mult=0.1)})
param_scheduler = [dict(warm_up, end=200), dict(decay, begin=200)]
train_cfg.update(max_epochs=10)
auto_scale_lr.update(base_batch_size=128)
