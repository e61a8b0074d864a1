# Pre-training on clips with captions: sigmoid contrast that knows which digit a caption names, beside masked words.
from mmengine.config import read_base

from mplug2.datasets.transforms import AddMediaId, ChooseText, MaskTokens, PackInputs, TokenizeText
from mplug2.engine import RetrievalTestLoop
from mplug2.tasks import MaskedLanguageModeling, Retrieval

with read_base():
    from mplug2.configs._base_.datasets.mini_video import fact_words
    from mplug2.configs.mini.pretrain import *

model['tasks'] = dict(
    retrieval=dict(
        type=Retrieval,
        media='video',
        projection_dim=64,
        temperature=0.1,
        contrastive=dict(type='ConceptContrast', share=0.5),
    ),
    mlm=dict(type=MaskedLanguageModeling),
)
model['blocks'] = dict(recompute=['vision_encoder', 'universal'])
captioned = [
    *read_video,
    dict(type=AddMediaId),
    dict(type=ChooseText),
    dict(type='ConceptId', words=fact_words['digit']),
    dict(type=TokenizeText, key='caption', **words),
    dict(type=MaskTokens, tokenizer=tokenizer, instruction='retrieval'),
    dict(type=PackInputs, inputs=['media_id', 'concept_id', 'mlm_ids', 'mlm_positions', 'mlm_labels']),
]
train_dataloader['dataset']['sources'] = dict(
    video=dict(
        batch_size=16,
        ratio=1,
        tasks=['retrieval', 'mlm'],
        dataset=dict(**clips, split='train', pipeline=captioned),
    )
)
train_dataloader['dataset']['weights'] = dict(retrieval=1.0, mlm=1.0)
test_dataloader = val_dataloader
test_cfg = dict(type=RetrievalTestLoop, top_k=16)
test_evaluator = val_evaluator
optim_wrapper.update(constructor='LayerDecayConstructor')
optim_wrapper['paramwise_cfg'].update(layer_decay=0.8)
