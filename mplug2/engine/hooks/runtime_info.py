"""Losses and gradient norm for the log, which stay on the device."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import RuntimeInfoHook as _RuntimeInfoHook

from ...registry import HOOKS


@HOOKS.register_module()
class RuntimeInfoHook(_RuntimeInfoHook):
    """MMEngine's, without reading the losses off the device at every step."""

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None) -> None:
        scalars = {f'train/{key}': value for key, value in (outputs or {}).items()}
        grad_norm = getattr(runner.optim_wrapper, 'grad_norm', None)
        if grad_norm is not None:
            scalars['train/grad_norm'] = grad_norm
        runner.scalars.add(scalars)
