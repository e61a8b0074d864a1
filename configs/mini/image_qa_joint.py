# Table 17's vision-language column on the mini benchmark, second variant: question answering, captioning and entailment of
# statements in turn, as many steps of each as the first variant has. The third variant is this one with
# model.network.universal.shared=True.
from mmengine.config import read_base

from mplug2.datasets import GLUE, CocoCaption, InterleavedSources, InterleavingSampler, source_collate
from mplug2.datasets.transforms import AddConstant, TokenizePair
from mplug2.engine import PretrainLoop
from mplug2.tasks import Captioning, TextClassification

with read_base():
    from .image_qa_single import *

model['tasks'].update(
    captioning=dict(type=Captioning, media='image', generation=dict(num_beams=3, min_length=4, max_length=30)),
    classification=dict(type=TextClassification, num_classes=2),
)
say = [
    dict(type=TokenizeText, tokenizer=tokenizer, instruction='captioning'),
    dict(type=TokenizeTarget, tokenizer=tokenizer, key='captions', choose='random', clean='caption', max_words=30),
]
pair = dict(
    type=TokenizePair, tokenizer=tokenizer, first='sentence1', second='sentence2', instruction='classification', max_length=64
)
train_dataloader = dict(
    batch_size=None,
    num_workers=2,
    sampler=dict(type=InterleavingSampler, strategy='round_robin'),
    collate_fn=dict(type=source_collate),
    dataset=dict(
        type=InterleavedSources,
        sources=dict(
            answering=dict(dataset=train_dataloader['dataset'], batch_size=16, tasks=['answering']),
            captioning=dict(
                dataset=dict(
                    type=CocoCaption,
                    ann_file='data/mini/coco/annotations/dataset_coco.json',
                    data_prefix='data/mini/coco',
                    split='train',
                    pipeline=[*read, *say, dict(type=PackInputs)],
                ),
                batch_size=16,
                tasks=['captioning'],
            ),
            classification=dict(
                dataset=dict(
                    type=GLUE,
                    task='rte',
                    ann_file='data/mini/glue/RTE/train.tsv',
                    pipeline=[pair, dict(type=PackInputs, inputs=['label'])],
                ),
                batch_size=16,
                tasks=['classification'],
            ),
        ),
    ),
)
tell = dict(type=AddConstant, key='task', value='answering')
val_dataloader['dataset'].update(pipeline=[tell, *read, instruct, pack])
test_dataloader['dataset'].update(pipeline=[tell, *read, instruct, pack])
train_cfg.update(type=PretrainLoop, max_iters=750, val_interval=750)
