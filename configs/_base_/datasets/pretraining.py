# The paper's mixture (Section 4.1): 14 M images of COCO, Visual Genome, CC3M, CC12M and SBU, 2.5 M clips of WebVid, and 370
# GB of text, in shards (tools/data/shards_*.py); 224 pixels, 4 frames. Questions are those of Visual Genome and, about clips,
# of TGIF-FrameQA: those of MSRVTT-QA and MSVD-QA stay out, so that Table 20 is zero-shot. How often text and questions come,
# the paper does not say: these ratios are ours; images and clips come as their numbers are.
from mmengine.dataset import DefaultSampler

from mplug2.datasets import (
    InterleavedSources,
    InterleavingSampler,
    MSRVTTCaption,
    PackedText,
    ShardedPairs,
    TGIFFrameQA,
    VisualGenomeQA,
    source_collate,
)
from mplug2.datasets.transforms import (
    ChooseText,
    LoadImage,
    LoadVideo,
    MaskTokens,
    AddMediaId,
    PackInputs,
    RandomResizedCrop,
    Resize,
    SplitPrefix,
    TokenizeTarget,
    TokenizeText,
    TokenizeTexts,
)
from mplug2.engine import ValidationLoss
from mplug2.evaluation import RetrievalMetric
from mplug2.text import BertTokenizer

tokenizer = dict(type=BertTokenizer)
crop = dict(type=RandomResizedCrop, size=224, scale=(0.5, 1.0), interpolation='bicubic')
# Web pages have "words" of hundreds of tokens: rules, hashes, lines of a script without blanks.
words = dict(tokenizer=tokenizer, instruction='retrieval', clean='caption', max_words=30, max_length=64)
pair = [
    crop,
    dict(type=AddMediaId),
    dict(type=ChooseText),
    dict(type=TokenizeText, key='caption', **words),
    dict(type=MaskTokens, tokenizer=tokenizer, instruction='retrieval'),
    dict(type=TokenizeText, tokenizer=tokenizer, instruction='captioning', out='instruction'),
    dict(type=TokenizeTarget, tokenizer=tokenizer, key='caption', clean='caption', max_words=30, max_length=64),
    dict(type=PackInputs, inputs=['media_id', 'mlm_ids', 'mlm_positions', 'mlm_labels', 'instruction']),
]
question = [
    crop,
    dict(
        type=TokenizeText,
        tokenizer=tokenizer,
        key='question',
        instruction='question_answering',
        clean='question',
        max_words=30,
        max_length=64,
    ),
    dict(type=TokenizeTarget, tokenizer=tokenizer, key='answers', choose='all', max_length=10),
    dict(type=PackInputs),
]
alone = [
    dict(type=MaskTokens, tokenizer=tokenizer),
    dict(type=SplitPrefix, tokenizer=tokenizer, instruction='completion', packed=True),
    dict(type=PackInputs, inputs=['mlm_ids', 'mlm_positions', 'mlm_labels', 'prefix']),
]

shards = 'data/shards'
replace = dict(policy='replace', max_bad=0.05)  # links to images and clips die
sources = dict(
    image=dict(
        batch_size=128,
        ratio=63,
        tasks=['retrieval', 'mlm', 'image_captioning'],
        dataset=dict(
            type=ShardedPairs,
            media='image',
            shards=[f'{shards}/{name}' for name in ('coco', 'vg', 'cc3m', 'cc12m', 'sbu')],
            bad_samples=replace,
            pipeline=[dict(type=LoadImage), *pair],
        ),
    ),
    video=dict(
        batch_size=128,
        ratio=12,
        tasks=['retrieval', 'mlm', 'video_captioning'],
        dataset=dict(
            type=ShardedPairs,
            media='video',
            shards=f'{shards}/webvid',
            bad_samples=replace,
            pipeline=[dict(type=LoadVideo, num_frames=4), *pair],
        ),
    ),
    image_questions=dict(
        batch_size=128,
        ratio=4,
        tasks=['image_answering'],
        dataset=dict(
            type=VisualGenomeQA,
            questions='data/vg/question_answers.json',
            images='data/vg/image_data.json',
            data_prefix='data/vg',
            bad_samples=replace,
            pipeline=[dict(type=LoadImage), *question],
        ),
    ),
    video_questions=dict(
        batch_size=128,
        ratio=1,
        tasks=['video_answering'],
        dataset=dict(
            type=TGIFFrameQA,
            ann_file='data/tgif_qa/Train_frameqa_question.csv',
            split='train',
            data_prefix='data/tgif_qa/videos',
            bad_samples=replace,
            pipeline=[dict(type=LoadVideo, num_frames=4), *question],
        ),
    ),
    text=dict(
        batch_size=128,
        ratio=20,
        tasks=['mlm', 'completion'],
        dataset=dict(
            type=PackedText,
            shards=[f'{shards}/wiki', f'{shards}/c4'],
            tokenizer=tokenizer,
            bad_samples=replace,
            pipeline=alone,
        ),
    ),
)
pairs = 14_000_000 + 2_500_000
pairs_share = (63 + 12) / 100  # of the steps
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
    num_workers=12,
    dataset=dict(type=InterleavedSources, sources=sources, weights=weights),
    sampler=dict(type=InterleavingSampler, strategy='ratios', cycle=100),
    collate_fn=dict(type=source_collate),
)
# Zero-shot retrieval and masked words of MSRVTT's 497 validation clips, while it trains.
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=MSRVTTCaption,
        ann_file='data/msrvtt/train_val_videodatainfo.json',
        split='validate',
        data_prefix='data/msrvtt/videos',
        test_mode=True,
        pipeline=[
            dict(type=LoadVideo, num_frames=4),
            dict(type=Resize, size=224, interpolation='bicubic'),
            dict(type=TokenizeTexts, key='captions', **words),
            dict(type=ChooseText),
            dict(type=TokenizeText, key='caption', **words),
            dict(type=MaskTokens, tokenizer=tokenizer, instruction='retrieval'),
            dict(type=PackInputs, inputs=['mlm_ids', 'mlm_positions', 'mlm_labels'], fields=['texts']),
        ],
    ),
)
val_evaluator = [dict(type=RetrievalMetric)]
custom_hooks = [dict(type=ValidationLoss, tasks=['mlm'])]  # and how many masked words are found
test_dataloader = test_cfg = test_evaluator = None
