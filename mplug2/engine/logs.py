"""Training logs without waiting for the device at every step."""

from __future__ import annotations

import math
import sys
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.runner import LogProcessor as _LogProcessor
from torch import Tensor

from ..registry import LOG_PROCESSORS

HISTORY = 10_000  # values kept of a scalar, as adding one copies them all: the longest window that a log processor can show


class DeviceScalarBuffer:
    """Scalars of the steps since somebody last looked, kept on the device and brought over together."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Tensor | float]] = []

    def add(self, scalars: dict[str, Tensor | float]) -> None:
        """Add one step's scalars, in the order of the steps."""
        self._steps.extend((key, value.detach() if isinstance(value, Tensor) else value) for key, value in scalars.items())

    def flush(self, hub: MessageHub) -> None:
        """Move everything to the message hub, with one copy from each device.

        Of steps that were left out (`NonFiniteGuard` counts them) there is no value, so that means are those of the others.
        """
        steps, self._steps = self._steps, []
        tensors: dict[torch.device, list[Tensor]] = {}
        for _, value in steps:
            if isinstance(value, Tensor):
                tensors.setdefault(value.device, []).append(value.float().reshape(()))
        moved = {device: iter(torch.stack(some).tolist()) for device, some in tensors.items()}
        for key, value in steps:
            number = next(moved[value.device]) if isinstance(value, Tensor) else value
            if math.isfinite(number) or key not in hub.log_scalars:
                hub.update_scalar(key, number)
        for history in hub.log_scalars.values():  # those that MMEngine's hooks write, too
            history.max_length = HISTORY


def peak_memory() -> int | None:
    """The most memory that this process has held, in MiB; None on Windows, which does not count it this way."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == 'darwin' else 2**10)


@LOG_PROCESSORS.register_module()
class LogProcessor(_LogProcessor):
    """MMEngine's log processor over a `DeviceScalarBuffer`, counting iterations, and showing memory on the CPU too (MiB)."""

    def __init__(self, window_size: int = 10, by_epoch: bool = False, **kwargs: Any) -> None:
        super().__init__(window_size=window_size, by_epoch=by_epoch, **kwargs)

    def get_log_after_iter(self, runner: Any, batch_idx: int, mode: str) -> tuple[dict, str]:
        """As in MMEngine: the scalars by tag, and the line to print."""
        runner.scalars.flush(runner.message_hub)
        tag, line = super().get_log_after_iter(runner, batch_idx, mode)
        if 'memory' not in tag and (memory := peak_memory()) is not None:
            tag['memory'] = memory
            head, loss, rest = line.partition('loss: ')
            line = f'{head}memory: {tag["memory"]}  {loss}{rest}'
        return tag, line

    def _collect_scalars(self, custom_cfg: list[dict], runner: Any, mode: str, reserve_prefix: bool = False) -> dict:
        """As in MMEngine; of validation's losses, one value an epoch, the last and not the mean of the last ten epochs."""
        tag = super()._collect_scalars(custom_cfg, runner, mode, reserve_prefix)
        if mode != 'train':
            scalars, start = runner.message_hub.log_scalars, '' if reserve_prefix else f'{mode}/'
            asked = {cfg.get('log_name', cfg['data_src']).removeprefix(f'{mode}/') for cfg in custom_cfg}
            losses = [key for key in tag if 'loss' in key and f'{start}{key}' in scalars]
            tag.update((key, scalars[f'{start}{key}'].current()) for key in losses if key.removeprefix(f'{mode}/') not in asked)
        return tag

    def get_log_after_epoch(self, runner: Any, batch_idx: int, mode: str, with_non_scalar: bool = False) -> Any:
        """As in MMEngine."""
        runner.scalars.flush(runner.message_hub)
        return super().get_log_after_epoch(runner, batch_idx, mode, with_non_scalar)
