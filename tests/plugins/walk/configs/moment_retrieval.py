# When in a clip does what a phrase says happen?
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizeText

with read_base():
    from mplug2.configs._base_.datasets.mini_video import *
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.models.mplug2_tiny import *
    from mplug2.configs._base_.schedules.mini import *

locations = dict(num_bins=9, first='[unused1]', marker=None)
model.update(tasks=dict(moments=dict(type='MomentRetrieval', locations=locations)))
model['blocks'] = dict(recompute=['vision_encoder', 'fusion'])

phrase = dict(
    type=TokenizeText, tokenizer=tokenizer, key='phrase', instruction='moment_retrieval', clean='caption', max_words=40
)
boundaries = dict(type='MomentTarget', tokenizer=tokenizer, locations=locations)
clips = dict(type='Moments', data_prefix='data/mini/msrvtt/videos')
tested = dict(
    **clips,
    ann_file='moments_test.json',
    test_mode=True,
    pipeline=[*read, phrase, dict(type=PackInputs, fields=['phrase', 'moment'])],
)
train_dataloader = dict(
    **batches,
    sampler=dict(type=ResumableSampler),
    dataset=dict(**clips, ann_file='moments_train.json', pipeline=[*read, phrase, boundaries, dict(type=PackInputs)]),
)
val_dataloader = dict(batch_size=50, num_workers=2, sampler=dict(type=DefaultSampler, shuffle=False), dataset=dict(tested))
test_dataloader = dict(batch_size=50, num_workers=2, sampler=dict(type=DefaultSampler, shuffle=False), dataset=dict(tested))
val_evaluator = [dict(type='MomentIoU')]
test_evaluator = val_evaluator
optim_wrapper.update(constructor='LayerDecayConstructor')
optim_wrapper['paramwise_cfg'].update(layer_decay=0.8)
default_hooks['checkpoint'].update(save_best='R1@0.5')
