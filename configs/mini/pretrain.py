# Pre-training on the mini benchmark (Section 3.2): images and clips with captions and with questions, and text, all
# objectives together. The questions about clips are MSVD-QA's, whose clips show one digit each; those of MSRVTT-QA stay out, so
# that answering them is zero-shot. mplug2_tiny, the weights of the package, are made by it.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import (
    CocoCaption,
    InterleavedSources,
    InterleavingSampler,
    MSRVTTCaption,
    MSVDQA,
    TextCorpus,
    VQAv2,
    source_collate,
)
from mplug2.datasets.transforms import (
    ChooseText,
    LoadImage,
    LoadVideo,
    MaskTokens,
    AddMediaId,
    PackInputs,
    Resize,
    SplitPrefix,
    TokenizeTarget,
    TokenizeText,
    TokenizeTexts,
)
from mplug2.engine import PretrainLoop, RetrievalValLoop, ValidationLoss
from mplug2.evaluation import RetrievalMetric
from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import Captioning, MaskedLanguageModeling, QuestionAnswering, Retrieval, TextCompletion
from mplug2.text import BertTokenizer

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

model.update(
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media=('image', 'video'),
            projection_dim=128,
            contrastive=dict(type=MomentumContrast, momentum=0.995, queue_size=2048, distill_alpha=0.2),
            matching=dict(type=HardNegativeMatching),
        ),
        mlm=dict(type=MaskedLanguageModeling),
        image_captioning=dict(type=Captioning, media='image', text='instruction'),
        video_captioning=dict(type=Captioning, media='video', text='instruction'),
        image_answering=dict(type=QuestionAnswering, media='image'),
        video_answering=dict(type=QuestionAnswering, media='video'),
        completion=dict(type=TextCompletion),
    )
)

tokenizer = dict(type=BertTokenizer, vocab='mini')
pixels = dict(type=Resize, size=40, interpolation='area')
read_image = [dict(type=LoadImage), pixels]
read_video = [dict(type=LoadVideo, num_frames=4, backend='pyav'), pixels]
words = dict(tokenizer=tokenizer, instruction='retrieval', clean='caption', max_words=40)
pair = [
    dict(type=AddMediaId),
    dict(type=ChooseText),
    dict(type=TokenizeText, key='caption', **words),
    dict(type=MaskTokens, tokenizer=tokenizer, instruction='retrieval'),
    dict(type=TokenizeText, tokenizer=tokenizer, instruction='captioning', out='instruction'),
    dict(type=TokenizeTarget, tokenizer=tokenizer, key='caption', clean='caption', max_words=40),
    dict(type=PackInputs, inputs=['media_id', 'mlm_ids', 'mlm_positions', 'mlm_labels', 'instruction']),
]
question = [
    dict(type=TokenizeText, tokenizer=tokenizer, key='question', instruction='question_answering', clean='question'),
    dict(type=TokenizeTarget, tokenizer=tokenizer, key='answers', choose='all'),
    dict(type=PackInputs),
]
alone = [
    dict(type=TokenizeText, tokenizer=tokenizer, key='text', max_length=48),
    dict(type=MaskTokens, tokenizer=tokenizer),
    dict(type=SplitPrefix, tokenizer=tokenizer, instruction='completion'),
    dict(type=PackInputs, inputs=['mlm_ids', 'mlm_positions', 'mlm_labels', 'prefix']),
]

coco, msrvtt, vqa = 'data/mini/coco', 'data/mini/msrvtt', 'data/mini/vqa'
clips = dict(type=MSRVTTCaption, ann_file=f'{msrvtt}/train_val_videodatainfo.json', data_prefix=f'{msrvtt}/videos')
sources = dict(
    image=dict(
        batch_size=32,
        ratio=30,
        tasks=['retrieval', 'mlm', 'image_captioning'],
        dataset=dict(
            type=CocoCaption,
            ann_file=f'{coco}/annotations/dataset_coco.json',
            data_prefix=coco,
            split='train',
            pipeline=[*read_image, *pair],
        ),
    ),
    video=dict(
        batch_size=16,
        ratio=34,
        tasks=['retrieval', 'mlm', 'video_captioning'],
        dataset=dict(**clips, split='train', pipeline=[*read_video, *pair]),
    ),
    image_questions=dict(
        batch_size=32,
        ratio=16,
        tasks=['image_answering'],
        dataset=dict(
            type=VQAv2,
            questions=f'{vqa}/v2_OpenEnded_mscoco_train2014_questions.json',
            annotations=f'{vqa}/v2_mscoco_train2014_annotations.json',
            data_prefix=coco,
            pipeline=[*read_image, *question],
        ),
    ),
    video_questions=dict(
        batch_size=16,
        ratio=14,
        tasks=['video_answering'],
        dataset=dict(
            type=MSVDQA,
            ann_file='data/mini/msvd_qa/train_qa.json',
            mapping='data/mini/msvd_qa/youtube_mapping.txt',
            suffix='.mp4',
            data_prefix='data/mini/msvd/videos',
            pipeline=[*read_video, *question],
        ),
    ),
    text=dict(
        batch_size=16,
        ratio=6,
        tasks=['mlm', 'completion'],
        dataset=dict(type=TextCorpus, files='data/mini/corpus/corpus.txt', pipeline=alone),
    ),
)
weights = dict(  # of the tasks' losses; 0 leaves one out
    retrieval=1.0,
    mlm=1.0,
    image_captioning=1.0,
    video_captioning=1.0,
    image_answering=1.0,
    video_answering=1.0,
    completion=1.0,
)
train_dataloader = dict(
    batch_size=None,  # each source has its own
    num_workers=2,
    dataset=dict(type=InterleavedSources, sources=sources, weights=weights),
    sampler=dict(type=InterleavingSampler, strategy='ratios'),
    collate_fn=dict(type=source_collate),
)
val_dataloader = dict(
    batch_size=50,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        **clips,
        split='validate',
        test_mode=True,
        pipeline=[
            *read_video,
            dict(type=TokenizeTexts, key='captions', **words),
            dict(type=ChooseText),
            dict(type=TokenizeText, key='caption', **words),
            dict(type=MaskTokens, tokenizer=tokenizer, instruction='retrieval'),
            dict(type=PackInputs, inputs=['mlm_ids', 'mlm_positions', 'mlm_labels'], fields=['texts']),
        ],
    ),
)
val_cfg = dict(type=RetrievalValLoop, top_k=16)
val_evaluator = [dict(type=RetrievalMetric)]
custom_hooks = [dict(type=ValidationLoss, tasks=['mlm'])]  # and how many masked words are found
test_dataloader = test_cfg = test_evaluator = None
auto_scale_lr.update(base_batch_size=23)  # on average over the sources
train_cfg = dict(type=PretrainLoop, max_iters=6500, val_interval=3250)
default_hooks['checkpoint'].update(save_best='text_to_video_R@1')
