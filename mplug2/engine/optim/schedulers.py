"""Schedules of learning rates, as configs give them, for a loop that counts steps."""

from __future__ import annotations

from typing import Any

from mmengine.logging import MMLogger
from mmengine.runner import BaseLoop


def fit_schedulers(schedulers: Any, loop: BaseLoop, logger: MMLogger) -> Any:
    """Schedulers' configs counted in steps; those of a list that begin after the last step are left out, with a warning.

    Args:
        schedulers: a config, a list of them, or what is built already and stays. loop: that trains.
    """
    if isinstance(schedulers, list):
        schedulers = [scheduler for scheduler in schedulers if not _begins_too_late(scheduler, loop, logger)]
    for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
        if isinstance(scheduler, dict) and _by_epoch(scheduler) and hasattr(scheduler['type'], 'build_iter_from_epoch'):
            scheduler['convert_to_iter_based'] = True
    return schedulers


def _by_epoch(scheduler: dict) -> bool:
    return scheduler.get('by_epoch', True)


def _begins_too_late(scheduler: Any, loop: BaseLoop, logger: MMLogger) -> bool:
    if not isinstance(scheduler, dict) or 'end' in scheduler:
        return False
    last, unit = (loop.max_epochs, 'epochs') if _by_epoch(scheduler) else (loop.max_iters, 'steps')
    if scheduler.get('begin', 0) < last:
        return False
    logger.warning(
        f'{scheduler["type"].__name__} of param_scheduler is left out: it begins after {scheduler["begin"]} {unit}, '
        f'and the run has {last}'
    )
    return True
