"""When checkpoints are written, and which of them stay."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook

from ...checkpoints.find import BEST, SHARDS, move_aside, read_best, step_of, training_checkpoints, write_best
from ...registry import HOOKS
from ...utils.files import sweep_temporary


@HOOKS.register_module()
class CheckpointHook(Hook):
    """Saves every so many steps and at the end, and keeps the best by a metric of validation.

    A new file is complete before an older one is removed, so a run that is stopped at any moment has a checkpoint.

    Args:
        interval: steps between checkpoints; 0 or -1: only at the end. max_keep_ckpts: how many of them stay; None keeps all.
        save_best: name of the metric, or None. rule: 'greater' or 'less' is better. A score that is not finite is no best.
        sharded: the checkpoints that training goes on from are folders, ``iter_N.shards``, to which each process writes its
            part; the best one is always a file.

    Raises:
        ValueError: an argument is none of these. KeyError: validation gives no metric of that name.
    """

    priority = 'VERY_LOW'

    def __init__(
        self,
        interval: int = 1000,
        max_keep_ckpts: int | None = 2,
        save_best: str | None = None,
        rule: str = 'greater',
        sharded: bool = False,
    ) -> None:
        if rule not in ('greater', 'less'):
            raise ValueError(f"CheckpointHook: rule is 'greater' or 'less', not {rule!r}")
        if max_keep_ckpts == -1:  # MMEngine's word for all
            max_keep_ckpts = None
        if max_keep_ckpts is not None and max_keep_ckpts < 1:
            raise ValueError(f'CheckpointHook: max_keep_ckpts is a count from 1 on, or None for all, not {max_keep_ckpts!r}')
        if save_best is not None and not isinstance(save_best, str):
            raise ValueError(f'CheckpointHook: save_best is the name of one metric, or None, not {save_best!r}')
        self.interval = interval
        self.max_keep_ckpts = max_keep_ckpts
        self.save_best = save_best
        self.rule = rule
        self.ending = SHARDS if sharded else 'pth'
        self._best: dict | None = None

    def before_run(self, runner: Any) -> None:
        if self.save_best is None or runner.val_loop is None:
            return
        patterns: list[str] = []
        for metric in runner.val_loop.evaluator.metrics:
            if getattr(metric, 'result_names', None) is None:
                return  # another package's: its names are known when it has counted
            patterns += [f'{metric.prefix}/{name}' if metric.prefix else name for name in metric.result_names]
        if not any(fnmatchcase(self.save_best, pattern) for pattern in patterns):
            raise self._no_metric(patterns)

    def _no_metric(self, names: Iterable[str]) -> KeyError:
        return KeyError(
            f'CheckpointHook: save_best={self.save_best!r} is not among the metrics of validation: {", ".join(names)}'
        )

    def before_train(self, runner: Any) -> None:
        best: list[dict | None] = [None]  # the main process's, which writes them: all have to save the best together
        if is_main_process():
            sweep_temporary(runner.work_dir)
            self._move_later_aside(runner)
            best[0] = read_best(runner.work_dir)
        broadcast_object_list(best)
        self._best = best[0]

    def _move_later_aside(self, runner: Any) -> None:
        """Neither a fresh run nor one that goes on from an earlier step inherits what came after it, nor their resumption."""
        folder = Path(runner.work_dir)
        later = [path for path in training_checkpoints(folder) if step_of(path) > runner.iter]
        later += [path for path in folder.glob('best_*_iter_*.pth') if step_of(path) > runner.iter]
        best = read_best(folder)
        if best is not None and best['iter'] > runner.iter:
            later.append(folder / BEST)
        if later:
            aside = folder / f'before_{runner.timestamp}'
            aside.mkdir()
            for path in later:
                path.rename(aside / path.name)
            whose = 'later steps' if runner.iter else 'an earlier run'
            runner.logger.warning(f'{folder} held checkpoints of {whose}: they are in {aside.name} now')

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None) -> None:
        step = runner.iter + 1
        if self._is_due(step) or step == runner.max_iters:
            self._save(runner, step)

    def after_train(self, runner: Any) -> None:
        if runner.iter < runner.max_iters and not self._is_due(runner.iter):  # stopped early, at a step without a checkpoint
            self._save(runner, runner.iter)

    def _is_due(self, step: int) -> bool:
        return self.interval > 0 and step % self.interval == 0

    def _save(self, runner: Any, step: int) -> None:
        runner.save_checkpoint(runner.work_dir, f'iter_{step}.{self.ending}', meta=dict(iter=step))
        if self.max_keep_ckpts is None or not is_main_process():
            return
        for path in training_checkpoints(runner.work_dir)[self.max_keep_ckpts :]:
            shutil.rmtree(move_aside(path)) if path.is_dir() else path.unlink()

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        if self.save_best is None or not metrics:
            return
        if self.save_best not in metrics:
            raise self._no_metric(metrics)
        score = float(metrics[self.save_best])
        if not math.isfinite(score):
            runner.logger.warning(f'{self.save_best} is {score} at step {runner.iter}: the best checkpoint stays as it is')
            return
        sign = 1 if self.rule == 'greater' else -1
        best = self._best and self._best['score']
        if best is not None and math.isfinite(best) and sign * score <= sign * best:
            return
        name = f'best_{self.save_best}_iter_{runner.iter}.pth'.replace('/', '_')
        old, self._best = self._best, dict(file=name, metric=self.save_best, score=score, iter=runner.iter)
        runner.save_checkpoint(
            runner.work_dir, name, save_optimizer=False, save_param_scheduler=False, meta=dict(iter=runner.iter)
        )
        if is_main_process():
            write_best(runner.work_dir, self._best)
            if old is not None and old['file'] != name:
                (Path(runner.work_dir) / old['file']).unlink(missing_ok=True)
        runner.logger.info(f'best so far: {self.save_best} {score:.4f} at step {runner.iter}, saved as {name}')
