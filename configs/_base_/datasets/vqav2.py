# VQA v2 for the evaluation server: trained on train2014 and val2014, the answers to test2015 are written, not scored; 576
# pixels. The server takes this one file for test-dev and test-std; it refuses answers to the questions of test-dev2015 alone.
from mmengine.config import read_base
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ResumableSampler, VQAv2
from mplug2.datasets.transforms import PackInputs, TokenizeTarget, TokenizeText
from mplug2.evaluation import VQAMetric

with read_base():
    from .images import *

read_train = [load, dict(crop, size=576), flip]
read_test = [load, dict(shorter, size=576), dict(centre, size=576)]

data_root = 'data/vqa'
images = dict(type=VQAv2, data_prefix='data/coco')
ask = dict(
    type=TokenizeText, tokenizer=tokenizer, key='question', instruction='question_answering', clean='question', max_words=30
)
answer = dict(type=TokenizeTarget, tokenizer=tokenizer, key='answers', choose='all', max_length=10)
pack = dict(type=PackInputs)
written = dict(type=PackInputs, fields=['question', 'question_id'])
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        **images,
        questions=[f'{data_root}/v2_OpenEnded_mscoco_{part}2014_questions.json' for part in ('train', 'val')],
        annotations=[f'{data_root}/v2_mscoco_{part}2014_annotations.json' for part in ('train', 'val')],
        pipeline=[*read_train, ask, answer, pack],
    ),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        **images,
        questions=f'{data_root}/v2_OpenEnded_mscoco_test2015_questions.json',
        test_mode=True,
        pipeline=[*read_test, dict(ask, max_words=50), written],
    ),
)
test_evaluator = [dict(type=VQAMetric, out_file='vqa_OpenEnded_mscoco_test_results.json')]
val_dataloader = val_cfg = val_evaluator = None
