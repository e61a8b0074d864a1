# Gigaword, the files of Rush et al., 2015: 3,803,957 pairs to train on, 189,651 to validate (on the first 2,000 of them), and
# 1,951 to test.
from mmengine.dataset import DefaultSampler

from mplug2.datasets import Gigaword, ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizePair, TokenizeTarget
from mplug2.evaluation import RougeMetric
from mplug2.text import BertTokenizer

data_root = 'data/gigaword'
tokenizer = dict(type=BertTokenizer, policy='bert_pair')
document = dict(type=TokenizePair, tokenizer=tokenizer, first='document', instruction='summarization', max_length=512)
target = dict(type=TokenizeTarget, tokenizer=tokenizer, key='summaries', choose='first', max_length=64)
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type=ResumableSampler),
    dataset=dict(
        type=Gigaword,
        source=f'{data_root}/train/train.article.txt',
        target=f'{data_root}/train/train.title.txt',
        pipeline=[document, target, dict(type=PackInputs)],
    ),
)
tested = dict(type=Gigaword, test_mode=True, pipeline=[document, dict(type=PackInputs, fields=['summaries'])])
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        **tested,
        source=f'{data_root}/train/valid.article.filter.txt',
        target=f'{data_root}/train/valid.title.filter.txt',
        indices=2000,
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**tested, source=f'{data_root}/Giga/input.txt', target=f'{data_root}/Giga/task1_ref0.txt'),
)
val_evaluator = [dict(type=RougeMetric, gigaword=True)]
test_evaluator = [dict(type=RougeMetric, gigaword=True, out_file='gigaword_summaries.txt')]
