# The same, trained on train2014 alone and scored on val2014, whose answers are public.
from mmengine.config import read_base

from mplug2.evaluation import VQAMetric

with read_base():
    from .mplug2_base_vqav2 import *

train_dataloader['dataset'].update(
    questions=f'{data_root}/v2_OpenEnded_mscoco_train2014_questions.json',
    annotations=f'{data_root}/v2_mscoco_train2014_annotations.json',
)
scored = dict(written, fields=['question', 'question_id', 'answers', 'answer_type'])
test_dataloader['dataset'].update(
    questions=f'{data_root}/v2_OpenEnded_mscoco_val2014_questions.json',
    annotations=f'{data_root}/v2_mscoco_val2014_annotations.json',
    pipeline=[*read_test, dict(ask, max_words=50), scored],
)
test_evaluator = [dict(type=VQAMetric)]
