"""The overrides that docs/guides/tasks name for the variants of Tables 16 and 17 build networks that their weights fill."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from transformers import BertConfig, BertModel, CLIPVisionConfig, CLIPVisionModel

from mplug2.checkpoints.loading import LoadReport
from mplug2.config.load import load_config
from mplug2.model import MPlug2
from mplug2.registry import MODELS, WEIGHT_INITIALIZERS, resolve

DOCS = Path(__file__).parents[2] / 'docs/guides/tasks'


def options(page: str, kind: str) -> dict:
    """The options of the page's command that names an initialiser."""
    text = re.sub(r'\s*\\\n\s*', ' ', (DOCS / page).read_text())
    (line,) = [line for line in text.splitlines() if f'model.init_cfg.type={kind}' in line]
    found = dict(option.split('=', 1) for option in line.split('--cfg-options ')[1].split('`')[0].split())
    return {key: {'None': None, 'False': False}.get(value, value) for key, value in found.items()}


def loaded(config: str, changes: dict, state: dict[str, torch.Tensor]) -> tuple[MPlug2, LoadReport]:
    cfg = load_config(config, changes).model
    init = cfg.pop('init_cfg')
    assert init.source == changes['model.init_cfg.source']
    init.source = state
    with torch.device('meta'):
        model = MODELS.build(resolve(cfg, MODELS))
    return model, WEIGHT_INITIALIZERS.build(resolve(init, WEIGHT_INITIALIZERS))(model)


def test_bert_alone_is_the_language_baseline() -> None:
    changes = options('text_classification.md', 'BertWeights')
    with torch.device('meta'):
        state = BertModel(BertConfig()).state_dict()
    model, report = loaded('text_classification/mplug2_base_rte', changes, state)
    assert report.new == {}  # neither queries nor cross-attention
    assert set(report.loaded) == {key.removeprefix('network.') for key in model.state_dict() if key.startswith('network.')}
    assert set(report.left_out) <= {'pooler.dense.weight', 'pooler.dense.bias', 'embeddings.position_ids'}


def test_clip_alone_is_the_vision_baseline() -> None:
    changes = options('image_classification.md', 'ClipWeights')
    sizes = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, patch_size=14)
    with torch.device('meta'):
        state = CLIPVisionModel(CLIPVisionConfig(**sizes)).state_dict()
    for name in ('cars', 'food101'):
        model, report = loaded(f'image_classification/mplug2_large_{name}', changes, state)
        assert report.new == {}
        assert model.network.universal is None
        assert {key.split('.')[0] for key in report.loaded} == {'vision_encoder'}
