# One model for every row of Table 2 but detection, on the mini benchmark: the tasks of pre-training go on, and those of the
# other benchmarks join them, each with its instruction. mplug2_tiny_multitask, the weights that an Inferencer and the commands
# take by default, are made by it.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.checkpoints import MPlug2Weights
from mplug2.datasets import (
    GLUE,
    CocoCaption,
    Gigaword,
    ImageNet,
    InterleavedSources,
    InterleavingSampler,
    Kinetics,
    MSRVTTCaption,
    MSRVTTQA,
    RefCOCO,
    SQuAD,
    VQAv2,
    source_collate,
)
from mplug2.datasets.transforms import (
    AddMediaId,
    AnswerWindows,
    BoxTarget,
    ChooseText,
    LoadImage,
    LoadVideo,
    PackInputs,
    RandomResizedCrop,
    Resize,
    TokenizePair,
    TokenizeTarget,
    TokenizeText,
    TokenizeTexts,
)
from mplug2.engine import PretrainLoop, RetrievalValLoop
from mplug2.evaluation import RetrievalMetric
from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import (
    Captioning,
    Classification,
    Grounding,
    QuestionAnswering,
    Retrieval,
    Summarization,
    TextClassification,
    TextQA,
)
from mplug2.text import BertTokenizer

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

locations = dict(num_bins=65, first='[unused1]', marker='[unused0]')
caption = dict(type=Captioning, text='instruction')
short = dict(num_beams=3, min_length=1, max_length=4)
# The captioner has learned to see and to say digits, colours and motions; pre-training to compare texts with images and clips.
model.update(
    init_cfg=[
        dict(type=MPlug2Weights, source='mplug2_tiny', new=['tasks.*_classification.*', 'tasks.text_answering.*']),
        dict(
            type=MPlug2Weights,
            source='work_dirs/mini/video_captioning_digits',
            parts=['vision_encoder', 'universal', 'fusion', 'decoder'],
        ),
    ],
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media=('image', 'video'),
            projection_dim=128,
            contrastive=dict(type=MomentumContrast, momentum=0.995, queue_size=2048, distill_alpha=0.2),
            matching=dict(type=HardNegativeMatching),
        ),
        image_captioning=dict(caption, media='image', generation=dict(num_beams=3, min_length=4, max_length=30)),
        video_captioning=dict(caption, media='video', generation=dict(num_beams=3, min_length=4, max_length=40)),
        image_answering=dict(type=QuestionAnswering, media='image', generation=short),
        video_answering=dict(type=QuestionAnswering, media='video', generation=short),
        grounding=dict(type=Grounding, locations=locations),
        image_classification=dict(type=Classification, media='image', num_classes=10),
        video_classification=dict(type=Classification, media='video', num_classes=12),
        text_classification=dict(type=TextClassification, num_classes=2),
        text_answering=dict(type=TextQA, max_answer=3),
        summarization=dict(type=Summarization, generation=dict(num_beams=3, min_length=4, max_length=24)),
    ),
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
    dict(type=TokenizeText, tokenizer=tokenizer, instruction='captioning', out='instruction'),
    dict(type=TokenizeTarget, tokenizer=tokenizer, key='caption', clean='caption', max_words=40),
    dict(type=PackInputs, inputs=['media_id', 'instruction']),
]
question = [
    dict(type=TokenizeText, tokenizer=tokenizer, key='question', instruction='question_answering', clean='question'),
    dict(type=TokenizeTarget, tokenizer=tokenizer, key='answers', choose='all'),
    dict(type=PackInputs),
]
phrase = [
    dict(type=TokenizeText, tokenizer=tokenizer, key='phrase', instruction='grounding', clean='question', max_words=40),
    dict(type=BoxTarget, tokenizer=tokenizer, locations=locations),
    dict(type=PackInputs),
]
labelled = dict(type=PackInputs, inputs=['label'])
statement = [
    dict(
        type=TokenizePair,
        tokenizer=tokenizer,
        first='sentence1',
        second='sentence2',
        instruction='classification',
        max_length=64,
    ),
    labelled,
]
passage = [
    dict(type=AnswerWindows, tokenizer=tokenizer, instruction='question_answering', max_length=64, stride=24),
    dict(type=PackInputs, inputs=['span']),
]
document = [
    dict(type=TokenizePair, tokenizer=tokenizer, first='document', instruction='summarization', max_length=64),
    dict(type=TokenizeTarget, tokenizer=tokenizer, key='summaries', choose='first', max_length=32),
    dict(type=PackInputs),
]

coco, msrvtt, vqa, refcoco = 'data/mini/coco', 'data/mini/msrvtt', 'data/mini/vqa', 'data/mini/refcoco'
clips = dict(type=MSRVTTCaption, ann_file=f'{msrvtt}/train_val_videodatainfo.json', data_prefix=f'{msrvtt}/videos')
every = [f'{refcoco}/{name}/refs.json' for name in ('refcoco', 'refcoco+', 'refcocog')]
passages = dict(type=SQuAD, ann_file='data/mini/squad/train-v2.0.json', pipeline=passage)
motions = [f'moves {way} {speed}' for way in ('left', 'right', 'up', 'down') for speed in ('slowly', 'quickly')]
motions += ['grows', 'shrinks', 'appears', 'stays still']
sources = dict(
    image=dict(
        batch_size=24,
        ratio=16,
        tasks=['retrieval', 'image_captioning'],
        dataset=dict(
            type=CocoCaption,
            ann_file=f'{coco}/annotations/dataset_coco.json',
            data_prefix=coco,
            split='train',
            pipeline=[*read_image, *pair],
        ),
    ),
    video=dict(
        batch_size=12,
        ratio=18,
        tasks=['retrieval', 'video_captioning'],
        dataset=dict(**clips, split='train', pipeline=[*read_video, *pair]),
    ),
    video_captions=dict(  # half the cost of a step that also contrasts and matches
        batch_size=12,
        ratio=10,
        tasks=['video_captioning'],
        dataset=dict(**clips, split='train', pipeline=[*read_video, *pair]),
    ),
    image_questions=dict(
        batch_size=24,
        ratio=8,
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
        batch_size=12,
        ratio=6,
        tasks=['video_answering'],
        dataset=dict(
            type=MSRVTTQA,
            ann_file='data/mini/msrvtt_qa/train_qa.json',
            data_prefix=f'{msrvtt}/videos',
            pipeline=[*read_video, *question],
        ),
    ),
    phrases=dict(
        batch_size=24,
        ratio=22,
        tasks=['grounding'],
        dataset=dict(
            type=RefCOCO,
            refs=every,
            exclude=every,
            instances=[f'{coco}/annotations/instances_{name}.json' for name in ('train2014', 'minival2014', 'val2014')],
            data_prefix=coco,
            split='train',
            pipeline=[*read_image, *phrase],
        ),
    ),
    digits=dict(
        batch_size=24,
        ratio=3,
        tasks=['image_classification'],
        dataset=dict(
            type=ImageNet,
            synsets='data/mini/imagenet/LOC_synset_mapping.txt',
            data_prefix='data/mini/imagenet/train',
            pipeline=[
                dict(type=LoadImage),
                dict(type=RandomResizedCrop, size=40, scale=(0.6, 1.0), interpolation='area'),
                labelled,
            ],
        ),
    ),
    motions=dict(
        batch_size=12,
        ratio=3,
        tasks=['video_classification'],
        dataset=dict(
            type=Kinetics,
            ann_file='data/mini/kinetics/kinetics_train_list_videos.txt',
            data_prefix='data/mini/msvd/videos',
            metainfo=dict(classes=motions),
            pipeline=[*read_video, labelled],
        ),
    ),
    statements=dict(
        batch_size=24,
        ratio=4,
        tasks=['text_classification'],
        dataset=dict(type=GLUE, task='rte', ann_file='data/mini/glue/RTE/train.tsv', pipeline=statement),
    ),
    short_passages=dict(batch_size=24, ratio=5, tasks=['text_answering'], dataset=dict(passages, max_words=25)),
    passages=dict(batch_size=24, ratio=4, tasks=['text_answering'], dataset=passages),
    documents=dict(
        batch_size=24,
        ratio=5,
        tasks=['summarization'],
        dataset=dict(
            type=Gigaword,
            source='data/mini/gigaword/train.src.txt',
            target='data/mini/gigaword/train.tgt.txt',
            pipeline=document,
        ),
    ),
)
train_dataloader = dict(
    batch_size=None,  # each source has its own
    num_workers=1,
    dataset=dict(type=InterleavedSources, sources=sources),
    sampler=dict(type=InterleavingSampler, strategy='ratios', batches_per_step=2),
    collate_fn=dict(type=source_collate),
)
val_dataloader = dict(
    batch_size=50,
    num_workers=1,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        **clips,
        split='validate',
        test_mode=True,
        pipeline=[*read_video, dict(type=TokenizeTexts, key='captions', **words), dict(type=PackInputs, fields=['texts'])],
    ),
)
val_cfg = dict(type=RetrievalValLoop, top_k=16)
val_evaluator = [dict(type=RetrievalMetric)]
test_dataloader = test_cfg = test_evaluator = None
optim_wrapper['optimizer'].update(lr=7e-4)
auto_scale_lr.update(base_batch_size=79)  # two batches, on average over the sources
train_cfg = dict(type=PretrainLoop, max_iters=4000, val_interval=2000)
default_hooks['checkpoint'].update(save_best='text_to_video_R@1')
