# Video question answering, shrunk likewise; without dropout and with plain gradient descent, so that any split of a batch
# over processes must give the same weights.
from mmengine.config import read_base
from torch.optim import SGD

from mplug2.datasets import MSRVTTQA
from mplug2.datasets.transforms import PackInputs, TokenizeTarget, TokenizeText
from mplug2.evaluation import ExactMatch
from mplug2.tasks import QuestionAnswering

with read_base():
    from .tiny_captioning import *

for module in ('text_encoder', 'universal', 'fusion', 'decoder'):
    model['network'][module].update(dropout=0.0)
del module
model['tasks'] = dict(answering=dict(type=QuestionAnswering, media='video', generation=dict(num_beams=1, max_length=3)))
question = dict(type=TokenizeText, tokenizer=tokenizer, key='question', instruction='question_answering')
answer = dict(type=TokenizeTarget, tokenizer=tokenizer, key='answers')
keep = dict(type=PackInputs, fields=['answers', 'question_type'])
for split, loader in (('train', train_dataloader), ('val', val_dataloader), ('test', test_dataloader)):
    loader['dataset'] = dict(
        type=MSRVTTQA,
        ann_file=f'data/mini/msrvtt_qa/{split}_qa.json',
        data_prefix=f'{data_root}/videos',
        test_mode=split != 'train',
        indices=10,
        pipeline=[*read, question, *([answer] if split == 'train' else []), keep],
    )
del split, loader
val_evaluator = test_evaluator = [dict(type=ExactMatch)]
optim_wrapper['optimizer'] = dict(type=SGD, lr=0.1, weight_decay=0.0)
default_hooks['checkpoint'].update(save_best='accuracy')
