"""Steps whose loss or gradient is not finite: left out, counted, and the end of a run if they do not stop."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook

from ...checkpoints.find import latest_checkpoint
from ...registry import HOOKS


class NonFiniteError(RuntimeError):
    """Too many steps in a row had a loss or gradient that is not finite."""


@HOOKS.register_module()
class NonFiniteGuard(Hook):
    """Reports the steps that the optimizer wrapper skipped, and stops a run that skips too many in a row.

    A skipped step leaves weights and optimizer as they were, so checkpoints stay good.

    Args:
        bound: skipped steps in a row that end the run. interval: steps between looks; each waits for the device.

    Raises:
        NonFiniteError: the bound is reached.
    """

    def __init__(self, bound: int = 50, interval: int = 10) -> None:
        self.bound, self.interval = bound, interval
        self._reported = 0

    def before_train(self, runner: Any) -> None:
        self._reported = 0

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None) -> None:
        step = runner.iter + 1
        wrapper = runner.optim_wrapper
        if not hasattr(wrapper, 'skipped_steps') or not (
            self.every_n_train_iters(runner, self.interval) or step == runner.max_iters
        ):
            return  # a wrapper of MMEngine's own counts none
        total, longest = wrapper.skipped_steps()
        if total > self._reported:
            runner.logger.warning(
                f'{total - self._reported} of the last steps up to {step} had a loss or gradient that is not finite and '
                f'changed nothing; {total} since the start'
            )
            self._reported = total
        if longest >= self.bound:
            kept = latest_checkpoint(runner.work_dir)
            raise NonFiniteError(
                f'{longest} steps in a row had a loss or gradient that is not finite, as seen at step {step}: lower the '
                f'learning rate or look for broken samples, then go on from {kept or "the start: there is no checkpoint yet"}'
            )
