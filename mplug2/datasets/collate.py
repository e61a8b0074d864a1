"""Samples -> a batch on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..registry import FUNCTIONS
from ..structures import MultiModalDataSample, TargetBatch, Tokens
from ..text.tokenizer import PairEncoding
from .io.bad_samples import BadSampleError
from .transforms.packing import TargetText


def pad(rows: list[list], dtype: type = np.int64, value: int = 0) -> tuple[Tensor, Tensor]:
    """Rows of different lengths -> (N, L) padded on the right to the longest, and (N, L) bool, True at what is real."""
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
    padded = np.full(mask.shape, value, dtype)
    padded[mask] = np.concatenate([np.asarray(row, dtype) for row in rows])
    return torch.from_numpy(padded), torch.from_numpy(mask)


def collate_targets(targets: list[list[TargetText]], pad_id: int) -> TargetBatch:
    """The targets of all samples below each other."""
    flat = [target for one in targets for target in one]
    ids, mask = pad([target.ids for target in flat], value=pad_id)
    loss_mask, _ = pad([target.loss_mask for target in flat], bool)
    sample = torch.tensor([row for row, one in enumerate(targets) for _ in one])
    return TargetBatch(ids, mask, loss_mask, sample, torch.tensor([target.weight for target in flat], dtype=torch.float32))


def _collate(key: str, values: list[Any], names: list[Any], pad_id: int) -> Any:
    first = values[0]
    if isinstance(first, Tensor):
        shapes = {tuple(value.shape) for value in values}
        if len(shapes) > 1:
            other = next(place for place, value in enumerate(values) if value.shape != first.shape)
            raise ValueError(
                f'{key!r} is {tuple(first.shape)} in sample {names[0]} and {tuple(values[other].shape)} in sample '
                f'{names[other]}: a batch needs one shape, so resize or crop before packing'
            )
        # (T, 3, H, W) a sample, or (V, T, 3, H, W): its views are rows of the batch, and it keeps `num_views`.
        return torch.cat(values) if key == 'frames' and first.dim() == 5 else torch.stack(values)
    if isinstance(first, str):
        if len(set(values)) > 1:
            raise ValueError(f'{key!r} differs within a batch: {", ".join(sorted(set(values)))}')
        return first
    if isinstance(first, PairEncoding):
        ids, mask = pad([value.ids for value in values], value=pad_id)
        return Tokens(ids, mask, pad([value.token_type_ids for value in values])[0])
    if isinstance(first, list) and first and isinstance(first[0], PairEncoding):
        return _collate(key, [window for windows in values for window in windows], names, pad_id)
    if isinstance(first, list) and first and isinstance(first[0], TargetText):
        return collate_targets(values, pad_id)
    if isinstance(first, list):
        return Tokens(*pad(values, value=pad_id))
    if isinstance(first, (bool, int, float, np.number)):
        return torch.tensor(values)
    raise TypeError(
        f'{key!r} of sample {names[0]} is a {type(first).__name__}: inputs are tensors, id lists, targets or numbers'
    )


@FUNCTIONS.register_module()
def multimodal_collate(batch: list[dict | None], pad_id: int = 0) -> dict[str, Any]:
    """Batch what `PackInputs` packed, by the kind of each input.

    Tensors and numbers are stacked, lists of ids and `PairEncoding` become `Tokens` and lists of `TargetText` become
    `TargetBatch` (both padded to the longest of the batch), and a text such as ``task`` must be the same in all samples. Where
    samples have lists of `PairEncoding` (the windows of a long text), each of them is a row: more rows than samples.

    Args:
        batch: samples; None for those that the bad-sample policy left out. pad_id: fills padding; masks cover it.

    Returns:
        ``dict(inputs=..., data_samples=list)``.

    Raises:
        BadSampleError: nothing is left of the batch. KeyError: samples with different inputs. ValueError: of different shapes.
    """
    size = len(batch)
    batch = [item for item in batch if item is not None]
    if not batch:
        raise BadSampleError(f'all {size} samples of a batch are bad, and the policy skips them: nothing is left of it')
    samples: list[MultiModalDataSample] = [item['data_samples'] for item in batch]
    names = [sample.get('sample_id') for sample in samples]
    keys = batch[0]['inputs'].keys()
    for item, name in zip(batch, names, strict=True):
        if item['inputs'].keys() != keys:
            raise KeyError(
                f'samples of one batch must have the same inputs: sample {names[0]} has {", ".join(keys)}; sample {name} has '
                f'{", ".join(item["inputs"])}'
            )
    inputs = {key: _collate(key, [item['inputs'][key] for item in batch], names, pad_id) for key in keys}
    return dict(inputs=inputs, data_samples=samples)
