"""Folders as transformers saves them, tiny and with random weights, and what is asked of every format."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn

from mplug2.apis import Inferencer
from mplug2.apis.inputs import as_media
from mplug2.checkpoints.formats.adapter import Adapter, from_model_keys
from mplug2.model import MPlug2


def randomize(model: nn.Module, seed: int = 0) -> nn.Module:
    """Every weight random, biases and norms too, so that none can be forgotten without notice; in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim > 1 or 'embedding' in name or 'token' in name:
            parameter.data = 0.15 * noise
        else:
            parameter.data = parameter.data + 0.1 * noise
    return model.eval()


def write_tokenizer(
    folder: Path, before: str | None, after: str | None, first: str | None = None, end_is_last: bool = False
) -> Tokenizer:
    """A ``tokenizer.json`` of letters, whose texts are between special tokens.

    Args:
        first: the token 0, if it is another. end_is_last: `after` has the largest number, as CLIP's end.
    """
    special = [token for token in (first, before, after) if token]
    words = dict.fromkeys([*special, '<unk>', *string.ascii_lowercase, *string.digits])
    if end_is_last:
        words[after] = words.pop(after)
    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(words)}, unk_token='<unk>'))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split('', 'isolated')])
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=' '.join(filter(None, (before, '$A', after))),
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in special],
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / 'tokenizer.json'))
    return tokenizer


def batch_of(tokenizer: Tokenizer, texts: list[str], pad: int, length: int | None = None) -> tuple[Tensor, Tensor]:
    """Ids (B, L), padded on the right, and (B, L) bool."""
    rows = [tokenizer.encode(text).ids for text in texts]
    length = length or max(map(len, rows))
    ids = torch.tensor([row + [pad] * (length - len(row)) for row in rows])
    return ids, torch.tensor([[place < len(row) for place in range(length)] for row in rows])


def write_images(folder: Path, sizes: Iterable[tuple[int, int]] = ((40, 61), (57, 33), (48, 48))) -> list[Path]:
    """Images of such heights and widths, smooth and noisy."""
    generator = np.random.default_rng(0)
    paths = []
    folder.mkdir(parents=True, exist_ok=True)
    for number, (height, width) in enumerate(sizes):
        coarse = Image.fromarray(generator.integers(0, 255, (5, 4, 3), dtype=np.uint8)).resize((width, height))
        noise = generator.integers(-20, 20, (height, width, 3))
        pixels = (np.asarray(coarse, int) + noise).clip(0, 255).astype(np.uint8)
        paths.append(folder / f'{number}.png')
        Image.fromarray(pixels).save(paths[-1])
    return paths


def pixels_of(model: Inferencer, paths: Iterable[Path]) -> Tensor:
    """Files as the network gets them, normalised: (B, 3, H, W)."""
    task = next(iter(model.model.tasks))
    frames = [model.pipeline(task, as_media(path), {}, False).packed['inputs']['frames'] for path in paths]
    data = dict(inputs=dict(frames=torch.stack(frames)), data_samples=[])
    return model.model.data_preprocessor(data)['inputs']['frames'][:, 0]


def check_round_trip(adapter: Adapter, state: Mapping[str, Tensor], model: MPlug2, left_out: Iterable[str] = ()) -> None:
    """From theirs to the model and back: the same keys and the same values.

    Args:
        left_out: keys of theirs that are no weights.
    """
    written = adapter.from_mplug2(from_model_keys(model.state_dict()))
    assert written.keys() == state.keys() - set(left_out)
    for key, value in written.items():
        assert torch.equal(value, state[key]), key


def gradients_of(model: MPlug2, adapter: Adapter) -> dict[str, Tensor]:
    """Gradients under their keys."""
    keys = dict(model.named_parameters())
    return adapter.from_mplug2(from_model_keys({name: parameter.grad for name, parameter in keys.items()}))


def tiny_tower(**sizes: Any) -> dict[str, Any]:
    """Sizes of a stack under transformers' names."""
    return dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4) | sizes
