"""The state of a run in plain data, which safe loading reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from torch import Tensor

from ..utils.dtensor import full_tensor


def to_plain_data(value: Any, keep: bool = True) -> Any:
    """`value` in types that `torch.load(weights_only=True)` reads; what has no such form becomes None.

    Args:
        keep: False leaves the tensors out: for a process that only helps another to gather sharded ones.
    """
    if isinstance(value, Tensor):
        tensor = full_tensor(value.detach())
        return tensor.cpu() if keep else None
    if isinstance(value, Mapping):
        return {key: to_plain_data(item, keep) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        made = [to_plain_data(item, keep) for item in value]
        return tuple(made) if type(value) is tuple else made
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return None


def message_hub_state(hub: MessageHub) -> dict:
    """A message hub in plain data: MMEngine's own state holds objects that safe loading refuses."""
    scalars = {}
    for key, buffer in hub.log_scalars.items():
        values, counts = buffer.data
        scalars[key] = dict(
            values=torch.as_tensor(np.asarray(values, dtype=np.float64)),
            counts=torch.as_tensor(np.asarray(counts, dtype=np.int64)),
            max_length=buffer.max_length,
        )
    return dict(scalars=scalars, info=to_plain_data(hub.runtime_info), resumed=to_plain_data(dict(hub._resumed_keys)))


def restore_message_hub(hub: MessageHub, state: dict) -> None:
    """Fill a message hub from `message_hub_state`; what is marked as not resumed is left as it is."""
    for key, saved in state['scalars'].items():
        if state['resumed'].get(key, True):
            hub.log_scalars[key] = HistoryBuffer(saved['values'].tolist(), saved['counts'].tolist(), saved['max_length'])
    for key, value in state['info'].items():
        if state['resumed'].get(key, True):
            hub.runtime_info[key] = value
