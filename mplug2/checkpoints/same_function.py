"""What of a foreign file loads and computes something else: recognized by its keys, and by ``config.json`` beside it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .errors import CheckpointError
from .loading import matches

CONFIG = 'config.json'  # of transformers, beside weights
# Patterns of keys that belong to a function that a network without them does not compute -> what they are.
TELLING = {
    '*register_tokens*': 'register tokens, which are tokens beside the class token',
    '*reg_token*': 'register tokens, which are tokens beside the class token',
    '*distance_embedding*': 'embeddings of relative positions',
    '*relative_position_bias*': 'a bias by relative positions',
    '*lora_*': 'low-rank updates of weights, which have to be merged first',
}
HEADS = ('*lm_head*', '*generator_lm_head*', 'predictions.*', '*.predictions.*', '*generator_predictions*')
ACTIVATIONS = {
    'gelu': F.gelu,
    'gelu_new': lambda x: F.gelu(x, approximate='tanh'),
    'gelu_pytorch_tanh': lambda x: F.gelu(x, approximate='tanh'),
    'quick_gelu': lambda x: x * torch.sigmoid(1.702 * x),
    'relu': F.relu,
    'silu': F.silu,
}


def refuse_other_function(
    name: str, source: Any, network: nn.Module, parts: Sequence[str], left_out: Collection[str], new: Sequence[str]
) -> None:
    """Refuse a file that would load into a network that computes something else with its weights.

    Args:
        name: what messages call the file. source: it, its folder, or its content. parts: of the network that are filled.
        left_out: keys of the file that nothing is made of. new: patterns of keys of ours that keep their own initialisation.

    Raises:
        CheckpointError: it has parts that the network lacks, or its config names another function.
    """
    for key in left_out:
        what = next((what for pattern, what in TELLING.items() if matches(key, [pattern])), None)
        if what is not None:
            raise CheckpointError(f'{name} has {what} ({key}), and the network has none: it would compute something else')
        if 'decoder' in parts and matches(key, HEADS) and not matches('decoder.head.bias', new):
            raise CheckpointError(
                f'{name} has a prediction head under {key}, where it is not looked for: call it cls.predictions, or let ours '
                "start anew by new=['decoder.head.*']"
            )
    config = _config_of(source)
    for part in parts:
        for key, theirs, ours in _differences(config, part, getattr(network, part)):
            raise CheckpointError(
                f'{name}: its {CONFIG} says {key}={theirs!r}, and the {part} of the network has {ours}: the weights would '
                'load and compute something else'
            )


def _config_of(source: Any) -> dict[str, Any]:
    """What is written beside weights; empty where nothing is."""
    if isinstance(source, Mapping):
        return {}
    path = Path(source)
    file = (path if path.is_dir() else path.parent) / CONFIG
    try:
        content = json.loads(file.read_text(encoding='utf-8-sig'))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and 'model_type' in content else {}


def _differences(config: dict[str, Any], part: str, module: nn.Module) -> Iterator[tuple[str, Any, str]]:
    """Keys of a config that a module contradicts: key, value, and what the module has."""
    section = config.get('vision_config' if part == 'vision_encoder' else 'text_config')
    config = {**config, **section} if isinstance(section, dict) else config
    heads = _first(module, 'num_heads')
    if 'num_attention_heads' in config and heads is not None and config['num_attention_heads'] != heads:
        yield 'num_attention_heads', config['num_attention_heads'], f'{heads} heads'
    activation, name = _first(module, 'activation'), config.get('hidden_act')
    if name is not None and callable(activation):
        probe = torch.linspace(-4, 4, 33)
        if name not in ACTIVATIONS or not torch.allclose(activation(probe), ACTIVATIONS[name](probe), atol=1e-5):
            yield 'hidden_act', name, 'another activation'
    eps = next((norm.eps for norm in module.modules() if isinstance(norm, nn.LayerNorm)), None)
    if 'layer_norm_eps' in config and eps is not None and config['layer_norm_eps'] != eps:
        yield 'layer_norm_eps', config['layer_norm_eps'], f'eps={eps:g}'
    if config.get('position_embedding_type', 'absolute') != 'absolute':
        yield 'position_embedding_type', config['position_embedding_type'], 'absolute positions'
    if config.get('num_register_tokens'):
        yield 'num_register_tokens', config['num_register_tokens'], 'none'


def _first(module: nn.Module, name: str) -> Any:
    return next((getattr(part, name) for part in module.modules() if name in vars(part)), None)
