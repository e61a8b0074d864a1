"""Learning rates scaled with the number of samples of a step."""

from __future__ import annotations

from typing import Any

from mmengine.logging import MMLogger
from torch.optim import Optimizer


def scale_lr(optimizer: Optimizer, auto_scale_lr: dict | None, samples: float | None, logger: MMLogger) -> float:
    """Scale the learning rates if the config says so; warn where they are for another number of samples and it does not.

    Args:
        auto_scale_lr: ``dict(base_batch_size, enable)`` of the config. samples: of a step of all processes.

    Returns:
        the factor.
    """
    base = (auto_scale_lr or {}).get('base_batch_size')
    if None in (base, samples) or samples == base:
        return 1.0
    if not auto_scale_lr.get('enable'):
        logger.warning(
            f'the learning rate is for {base} samples a step, and this run takes {samples:g}: set the batch size to match, '
            'or scale the rate with --auto-scale-lr; the number of steps stays in either case'
        )
        return 1.0
    logger.info(f'the learning rate is for {base} samples a step and is scaled to {samples:g}')
    factor = samples / base
    for group in optimizer.param_groups:
        group['lr'] *= factor
    return factor


def rescale_lr(optimizer: Optimizer, schedulers: list[Any], before: float, now: float, logger: MMLogger) -> None:
    """Scale the learning rates of a checkpoint as this run is to be scaled.

    Args:
        schedulers: MMEngine's, of the optimizer. before, now: factors of the run that wrote the checkpoint and of this one.
    """
    change = now / before
    if change == 1:
        return
    logger.warning(f'the learning rates of the checkpoint, scaled by {before:g}, are scaled by {now:g} now')
    for group in optimizer.param_groups:
        group['lr'] *= change
        if 'initial_lr' in group:
            group['initial_lr'] *= change
    for scheduler in schedulers:
        if scheduler.param_name == 'lr':
            scheduler.base_values = [value * change for value in scheduler.base_values]
