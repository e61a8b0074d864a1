# Video captioning on the mini benchmark, in MSRVTT's files, at full length.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import MSRVTTCaption, ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizeTarget, TokenizeText
from mplug2.evaluation import CaptionMetric, WordAccuracy
from mplug2.tasks import Captioning

with read_base():
    from .._base_.datasets.mini_video import *
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

model.update(
    tasks=dict(
        captioning=dict(type=Captioning, media='video', generation=dict(num_beams=3, min_length=4, max_length=40)),
    )
)

data_root = 'data/mini/msrvtt'
clips = dict(type=MSRVTTCaption, data_prefix=f'{data_root}/videos')
instruct = dict(type=TokenizeText, tokenizer=tokenizer, instruction='captioning')
target = dict(type=TokenizeTarget, tokenizer=tokenizer, key='captions', choose='random', clean='caption', max_words=40)
pack = dict(type=PackInputs, fields=['captions'])
train_dataloader = dict(
    **batches,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **clips, ann_file=f'{data_root}/train_val_videodatainfo.json', split='train', pipeline=[*read, instruct, target, pack]
    ),
)
val_dataloader = dict(
    batch_size=50,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        **clips,
        ann_file=f'{data_root}/train_val_videodatainfo.json',
        split='validate',
        test_mode=True,
        pipeline=[*read, instruct, pack],
    ),
)
test_dataloader = dict(
    batch_size=50,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        **clips,
        ann_file=f'{data_root}/test_videodatainfo.json',
        split='test',
        test_mode=True,
        pipeline=[*read, instruct, pack],
    ),
)
val_evaluator = [
    dict(type=CaptionMetric, meteor=False),
    dict(type=WordAccuracy, groups=fact_words),
    dict(type=WordAccuracy, groups=dict(digit=fact_words['digit']), words=1, prefix='one_digit'),
]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='CIDEr-D')
auto_scale_lr.update(base_batch_size=32)
train_cfg.update(max_iters=6000, val_interval=1500)
