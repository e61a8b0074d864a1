# Image question answering on the mini benchmark, in VQA v2's files, from the weights of the package; minival is for
# choosing, val for reporting.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ResumableSampler, VQAv2
from mplug2.datasets.transforms import PackInputs, TokenizeTarget, TokenizeText
from mplug2.evaluation import VQAMetric
from mplug2.tasks import QuestionAnswering
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.datasets.mini_image import *
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_tiny import *
    from .._base_.schedules.mini import *

# From scratch, answers alone teach a network to see so slowly that for long it knows only what questions give away. Captions
# teach it in minutes: vision encoder, universal layers and decoder come from pre-training, or from a run of captioning alone,
# model.init_cfg.source=work_dirs/mini/image_captioning/iter_4200.pth, which shows the other modules one text, its instruction.
model.update(
    init_cfg=dict(type=MPlug2Weights, source='mplug2_tiny', parts=['vision_encoder', 'universal', 'decoder']),
    tasks=dict(
        answering=dict(type=QuestionAnswering, media='image', generation=dict(num_beams=3, min_length=1, max_length=4)),
    ),
)

data_root = 'data/mini/vqa'
questions = dict(type=VQAv2, data_prefix='data/mini/coco')
instruct = dict(type=TokenizeText, tokenizer=tokenizer, key='question', instruction='question_answering', clean='question')
target = dict(type=TokenizeTarget, tokenizer=tokenizer, key='answers', choose='all')
pack = dict(type=PackInputs, fields=['question', 'question_id', 'answers', 'question_type', 'answer_type'])
train_dataloader = dict(
    **(batches | dict(batch_size=64)),
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **questions,
        questions=f'{data_root}/v2_OpenEnded_mscoco_train2014_questions.json',
        annotations=f'{data_root}/v2_mscoco_train2014_annotations.json',
        pipeline=[*read, instruct, target, pack],
    ),
)
val_dataloader = dict(
    batch_size=100,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        **questions,
        questions=f'{data_root}/v2_OpenEnded_mscoco_minival2014_questions.json',
        annotations=f'{data_root}/v2_mscoco_minival2014_annotations.json',
        test_mode=True,
        pipeline=[*read, instruct, pack],
    ),
)
test_dataloader = dict(
    batch_size=100,
    num_workers=2,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        **questions,
        questions=f'{data_root}/v2_OpenEnded_mscoco_val2014_questions.json',
        annotations=f'{data_root}/v2_mscoco_val2014_annotations.json',
        test_mode=True,
        pipeline=[*read, instruct, pack],
    ),
)
val_evaluator = dict(type=VQAMetric)
test_evaluator = val_evaluator
default_hooks['checkpoint'].update(save_best='accuracy')
# At the full rate the digits that captioning has learned are forgotten before the first question needs them.
taught = dict(lr_mult=0.2)
optim_wrapper['paramwise_cfg'].update(custom_keys=dict(vision_encoder=taught, universal=taught, decoder=taught))
train_cfg.update(max_iters=5000, val_interval=1000)
