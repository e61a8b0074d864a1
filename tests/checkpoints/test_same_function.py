"""Weights that would load and compute something else are refused, by their keys and by the config beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch import nn

from mplug2.checkpoints import CheckpointError
from mplug2.checkpoints.same_function import refuse_other_function
from mplug2.modules import BertTextEncoder, DualVisionEncoder

CLIP = dict(model_type='clip_vision_model', hidden_act='quick_gelu', num_attention_heads=2, layer_norm_eps=1e-5)
BERT = dict(model_type='bert', hidden_act='gelu', num_attention_heads=2, layer_norm_eps=1e-12)


@pytest.fixture(scope='module')
def network() -> nn.Module:
    network = nn.Module()
    network.vision_encoder = DualVisionEncoder(32, 8, 32, 1, 2)
    network.text_encoder = BertTextEncoder(vocab_size=100, width=32, num_layers=1, num_heads=2, ffn_dim=48)
    return network


def refuse(network: nn.Module, folder: Path, config: dict, part: str, left_out: list[str] | None = None) -> None:
    (folder / 'config.json').write_text(json.dumps(config))
    refuse_other_function('theirs', folder, network, [part], left_out or [], [])


def test_a_config_that_agrees_is_accepted(network: nn.Module, tmp_path: Path) -> None:
    refuse(network, tmp_path, CLIP, 'vision_encoder', ['visual.proj'])
    refuse(network, tmp_path, dict(model_type='clip', vision_config=CLIP), 'vision_encoder')
    refuse(network, tmp_path, BERT, 'text_encoder', ['pooler.dense.weight'])


@pytest.mark.parametrize(
    ('part', 'change'),
    [
        ('vision_encoder', dict(hidden_act='gelu')),
        ('vision_encoder', dict(num_attention_heads=4)),
        ('vision_encoder', dict(layer_norm_eps=1e-6)),
        ('vision_encoder', dict(num_register_tokens=4)),
        ('text_encoder', dict(hidden_act='relu')),
        ('text_encoder', dict(position_embedding_type='relative_key')),
    ],
)
def test_a_config_of_another_function_is_refused(network: nn.Module, tmp_path: Path, part: str, change: dict) -> None:
    config = (CLIP if part == 'vision_encoder' else BERT) | change
    (key,) = change
    with pytest.raises(CheckpointError, match=f'theirs: its config.json says {key}=.*{part} of the network'):
        refuse(network, tmp_path, config, part)
    nested = dict(model_type='dual', vision_config=config, text_config=config)
    with pytest.raises(CheckpointError, match=f'says {key}='):
        refuse(network, tmp_path, nested, part)


def test_a_config_with_a_byte_order_mark_is_read(network: nn.Module, tmp_path: Path) -> None:
    (tmp_path / 'config.json').write_text(json.dumps(CLIP | dict(hidden_act='gelu')), encoding='utf-8-sig')
    with pytest.raises(CheckpointError, match='says hidden_act='):
        refuse_other_function('theirs', tmp_path, network, ['vision_encoder'], [], [])


@pytest.mark.parametrize(
    ('key', 'what'),
    [
        ('embeddings.register_tokens', 'register tokens'),
        ('blocks.0.attn.relative_position_bias_table', 'a bias by relative positions'),
        ('layer.0.attention.self.distance_embedding.weight', 'embeddings of relative positions'),
        ('base_model.model.layer.0.query.lora_A.default.weight', 'merged first'),
    ],
)
def test_keys_that_the_network_has_no_place_for_are_refused(network: nn.Module, tmp_path: Path, key: str, what: str) -> None:
    with pytest.raises(CheckpointError, match=f'theirs has .*{what}.*{key}'):
        refuse(network, tmp_path, {}, 'vision_encoder', [key])


def test_a_prediction_head_under_another_key_is_refused(network: nn.Module) -> None:
    network.decoder = nn.Identity()
    for new in ([], ['decoder.layers.*']):
        with pytest.raises(CheckpointError, match=r'prediction head under lm_head\.weight'):
            refuse_other_function('theirs', {}, network, ['decoder'], ['lm_head.weight'], new)
    refuse_other_function('theirs', {}, network, ['decoder'], ['lm_head.weight'], ['decoder.head.*'])
