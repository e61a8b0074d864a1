# Text-to-video retrieval on the mini benchmark, in the files of MSRVTT's 1k-A protocol: a gallery of 500 clips.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import MSRVTTCaption, MSRVTTRetrieval, ResumableSampler
from mplug2.datasets.transforms import ChooseText, AddMediaId, PackInputs, TokenizeText, TokenizeTexts
from mplug2.engine import RetrievalTestLoop, RetrievalValLoop
from mplug2.evaluation import RetrievalMetric
from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import Retrieval

with read_base():
    from .._base_.datasets.mini_video import *
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

model.update(
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media='video',
            projection_dim=128,
            contrastive=dict(type=MomentumContrast, momentum=0.99, queue_size=2048, distill_alpha=0.2),
            matching=dict(type=HardNegativeMatching),
        )
    )
)

data_root = 'data/mini/msrvtt'
clips = dict(data_prefix=f'{data_root}/videos')
captioned = dict(type=MSRVTTCaption, ann_file=f'{data_root}/train_val_videodatainfo.json', **clips)
words = dict(tokenizer=tokenizer, instruction='retrieval', clean='caption', max_words=40)
train_dataloader = dict(
    **batches,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **captioned,
        split='train',
        pipeline=[
            *read,
            dict(type=AddMediaId),
            dict(type=ChooseText),
            dict(type=TokenizeText, key='caption', **words),
            dict(type=PackInputs, inputs=['media_id']),
        ],
    ),
)
gallery = dict(
    test_mode=True,
    pipeline=[*read, dict(type=TokenizeTexts, key='captions', **words), dict(type=PackInputs, fields=['texts'])],
)
val_dataloader = dict(
    batch_size=50,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**captioned, split='validate', **gallery),
)
test_dataloader = dict(
    batch_size=50,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(type=MSRVTTRetrieval, ann_file=f'{data_root}/MSRVTT_JSFUSION_test.csv', **clips, **gallery),
)
val_cfg = dict(type=RetrievalValLoop, top_k=16)
test_cfg = dict(type=RetrievalTestLoop, top_k=64)
val_evaluator = [dict(type=RetrievalMetric)]
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='text_to_video_R@1')
auto_scale_lr.update(base_batch_size=32)
train_cfg.update(max_iters=1300, val_interval=650)
