# What the tasks of GLUE share: tokens, a validation on dev at the end of each epoch, of which the best is kept and reported,
# and the batch size, which is that of one process.
from mmengine.dataset import DefaultSampler

from mplug2.datasets import GLUE, ResumableSampler
from mplug2.datasets.transforms import PackInputs, TokenizePair
from mplug2.evaluation import GLUEMetric
from mplug2.text import BertTokenizer

texts = dict(
    type=TokenizePair,
    tokenizer=dict(type=BertTokenizer, policy='bert_pair'),
    first='sentence1',
    second='sentence2',
    instruction='classification',
    max_length=128,
)
labelled = dict(type=PackInputs, inputs=['label'])
scored = dict(type=PackInputs, fields=['label', 'index'])
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type=ResumableSampler),
    dataset=dict(type=GLUE, pipeline=[texts, labelled]),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=4,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=GLUE,
        test_mode=True,
        pipeline=[texts, scored],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type=GLUEMetric)]
test_evaluator = val_evaluator
