# mPLUG-2 with DeBERTa, RTE: 10 epochs at 3e-5, 32 samples a step; glue_sweep.py searches the paper's space.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_rte import *
    from .._base_.models.mplug2_deberta import deberta_tokenizer, model as deberta

model = dict(**deberta, tasks=model['tasks'])
texts = dict(texts, tokenizer=deberta_tokenizer)
train_dataloader['dataset'].update(pipeline=[texts, labelled])
val_dataloader['dataset'].update(pipeline=[texts, scored])
test_dataloader = val_dataloader
optim_wrapper['optimizer'].update(lr=3e-5)
