"""Saving, finding, loading and resuming the checkpoints of a runner."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.optim import ZeroRedundancyOptimizer

from ..checkpoints.conditioning import conditioning_warning
from ..checkpoints.errors import CheckpointError, DamagedCheckpointError
from ..checkpoints.files import save_checkpoint
from ..checkpoints.find import SHARDS, find_weights, training_checkpoints
from ..checkpoints.load import Policy, load
from ..checkpoints.state import message_hub_state, restore_message_hub, to_plain_data
from ..model import MPlug2
from ..version import __version__
from .optim.lr_scaling import rescale_lr
from .parallel.sharding import is_sharded, place_optimizer_state
from .resume_check import changes, describe_stream, describe_training, refuse_other_parameters, setting_changes


class Checkpointer:
    """The checkpoints of one runner.

    Args:
        runner: a `Runner`, built.
    """

    def __init__(self, runner: Any) -> None:
        self.runner = runner
        # Once: formatting takes a while, and swallows a Ctrl-C that arrives meanwhile.
        self.config_text = runner.cfg.pretty_text

    def save(
        self, path: Path, save_optimizer: bool = True, save_param_scheduler: bool = True, meta: dict | None = None
    ) -> None:
        """Write model and training state, all or nothing; every process calls it.

        Args:
            path: one that ends in ``.shards`` is a folder to which each process writes its part. meta: noted in the file;
                ``iter`` is the steps done, which default to the runner's.

        Raises:
            CheckpointError: the file could not be written.
        """
        runner = self.runner
        runner.scalars.flush(runner.message_hub)
        main, sharded = is_main_process(), path.suffix == f'.{SHARDS}'
        if not main and not sharded and not is_sharded(runner.model):
            if save_optimizer and isinstance(runner.optim_wrapper.optimizer, ZeroRedundancyOptimizer):
                runner.optim_wrapper.optimizer.consolidate_state_dict()  # hands the main process its part
            return
        checkpoint = dict(meta=self._meta(meta), message_hub=message_hub_state(runner.message_hub))
        weights, optimizer = runner.bare_model.state_dict(), runner.optim_wrapper.state_dict() if save_optimizer else None
        if save_param_scheduler:
            checkpoint['param_schedulers'] = [
                to_plain_data(scheduler.state_dict()) for scheduler in runner.param_schedulers or []
            ]
        if sharded:
            from ..checkpoints.sharded import save_sharded

            if save_optimizer:
                checkpoint['optimizer'] = to_plain_data({key: value for key, value in optimizer.items() if key != 'state'})
            checkpoint['state_dict'] = {}
            runner.call_hook('before_save_checkpoint', checkpoint=checkpoint)
            average = checkpoint.pop('average', {})
            save_sharded(checkpoint, weights, average, optimizer and optimizer['state'], path)
            return
        checkpoint['state_dict'] = to_plain_data(weights, keep=main)
        if save_optimizer:
            checkpoint['optimizer'] = to_plain_data(optimizer, keep=main)
        runner.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        if 'average' in checkpoint:
            checkpoint['average'] = to_plain_data(checkpoint['average'], keep=main)
        if main:
            save_checkpoint(checkpoint, path)

    def _meta(self, meta: dict | None) -> dict:
        runner = self.runner
        return to_plain_data(
            dict(
                {'iter': runner.iter, 'epoch': runner.epoch} | (meta or {}),
                cfg=self.config_text,
                seed=runner.seed,
                lr_scale=runner.lr_scale,
                **describe_stream(runner.train_dataloader, runner.world_size),
                **describe_training(runner.bare_model, runner.optim_wrapper.optimizer),
                experiment_name=runner.experiment_name,
                time=time.strftime('%Y-%m-%d %H:%M:%S'),
                mplug2_version=__version__,
            )
        )

    def load(self, source: str | Path, map_location: Any = 'cpu') -> dict:
        """Load a checkpoint's weights, as the run needs them: to go on, to start from, or to be tested (`Policy`).

        Args:
            source: what `find_weights` finds.

        Returns:
            the checkpoint; a sharded one without weights and optimizer's state.

        Raises:
            CheckpointError: unreadable, or of another model.
        """
        runner, checkpoint = self.runner, {}
        policy = Policy.RESUME if runner._resume else Policy.TEST if runner._train_loop is None else Policy.START

        def on_read(content: dict) -> None:
            runner.call_hook('after_load_checkpoint', checkpoint=content)
            checkpoint.update(content)

        self.warn_of_conditioning(source)
        load(runner.bare_model, source, policy, map_location=map_location, on_read=on_read)
        runner._has_loaded = True
        runner.logger.info(f'loaded {source}')
        return checkpoint

    def warn_of_conditioning(self, source: Any) -> None:
        """Log what the config asks of a published file that it was not trained for."""
        warning = conditioning_warning(self.runner.cfg, source)
        if warning is not None:
            self.runner.logger.warning(warning)

    def find_start(self) -> str | None:
        """What is loaded before the first step: ``load_from`` (of a folder what `find_weights` finds in it), or, resuming, that
        checkpoint, or the latest of that folder or else of the work directory. All processes ask for it together.

        Raises:
            CheckpointError: there is none, or processes found different ones, each on a disk of its own.
        """
        runner, error, path = self.runner, None, None
        try:
            folder = self._resumed_folder()
            if folder is not None:
                path = next(iter(training_checkpoints(folder)), None)
                if path is None and runner._load_from is not None:
                    raise CheckpointError(f'nothing to resume in {folder}: there is no iter_*.pth')
            elif runner._load_from is not None:
                path = find_weights(runner._load_from) if Path(runner._load_from).is_dir() else runner._load_from
        except CheckpointError as failed:  # the others are waiting
            error = failed
        path = None if path is None else str(path)
        starts = all_gather_object((runner._resume, path, _size(path)))
        if len(set(starts)) > 1:
            rank = next(rank for rank, start in enumerate(starts) if start != starts[0])
            starting = ', '.join(
                f'rank {number} found ' + (f'{starts[number][1]} ({starts[number][2]})' if starts[number][1] else 'none')
                for number in (0, rank)
            )
            raise CheckpointError(
                f'Ranks disagree on the checkpoint: {starting}. Put the work directory on storage shared by all nodes.'
            )
        if error is not None:
            raise error
        return path

    def _resumed_folder(self) -> Path | None:
        """The folder whose latest checkpoint the run goes on from, if it resumes and no file is named."""
        runner = self.runner
        source = Path(runner._load_from or runner.work_dir)
        named = runner._load_from is not None and (source.suffix == f'.{SHARDS}' or not source.is_dir())
        return source if runner._resume and not named else None

    def before_init(self) -> None:
        """Let the model read none of the files that the config starts it from where a checkpoint takes their place: they may be
        gone."""
        cfg = self.runner.cfg.get('model')
        if self.find_start() is not None:
            for model in [part for part in self.runner.bare_model.modules() if isinstance(part, MPlug2)]:
                model.init_cfg = None
        elif isinstance(cfg, dict):
            start = cfg.get('init_cfg') or []
            for initializer in [start] if isinstance(start, dict) else start:
                self.warn_of_conditioning(initializer.get('source'))

    def load_or_resume(self) -> None:
        """Resume from a checkpoint, or load its weights, as the config says (`find_start`).

        Of a folder whose latest checkpoint is damaged, the latest that is not is taken, with a warning.
        """
        runner = self.runner
        if runner._has_loaded:
            return
        path = self.find_start()
        if path is None:
            if runner._resume:
                runner.logger.info(f'nothing to resume in {runner.work_dir}: starting at step 0')
        elif runner._resume:
            self._resume_latest(path)
        else:
            runner.load_checkpoint(path)

    def _resume_latest(self, path: str) -> None:
        folder = self._resumed_folder()
        earlier = [] if folder is None else training_checkpoints(folder)[1:]
        for other in earlier:
            try:
                return self.runner.resume(path)
            except DamagedCheckpointError as error:
                self.runner.logger.warning(f'{error}; going back to {other}')
                path = str(other)
        self.runner.resume(path)

    def resume(self, source: str | Path, map_location: Any = 'cpu') -> None:
        """Go on where a checkpoint of `save` was written.

        Raises:
            CheckpointError: unreadable, of another model, of another schedule, or without a training state.
        """
        runner = self.runner
        checkpoint = self.load(source, map_location)
        missing = [key for key in ('meta', 'message_hub', 'optimizer', 'param_schedulers') if key not in checkpoint]
        if missing:
            raise CheckpointError(
                f'{source} holds weights but no {" and no ".join(missing)}, so training cannot go on from it: resume from '
                'an iter_*.pth, or start from these weights with --cfg-options load_from=...'
            )
        schedulers, states = runner.param_schedulers or [], checkpoint['param_schedulers']
        if len(schedulers) != len(states):
            raise CheckpointError(
                f'{source} was written with {len(states)} parameter schedulers and the config has {len(schedulers)}: '
                'resume with the config of that run'
            )
        meta, groups, optimizer = checkpoint['meta'], checkpoint['optimizer']['param_groups'], runner.optim_wrapper.optimizer
        refuse_other_parameters(str(source), meta, groups, describe_training(runner.bare_model, optimizer))
        scales = meta.get('lr_scale', runner.lr_scale), runner.lr_scale
        for change in setting_changes(groups, optimizer.param_groups, scales, list(zip(states, schedulers, strict=True))):
            runner.logger.warning(change)
        runner.train_loop._iter = meta['iter']
        if meta['seed'] != runner.seed:
            runner.logger.info(f'taking the seed {meta["seed"]} of the resumed run')
            runner._randomness_cfg.update(seed=meta['seed'])
            runner.set_randomness(**runner._randomness_cfg)
        restore_message_hub(runner.message_hub, checkpoint['message_hub'])
        optimizer_state = checkpoint['optimizer']
        if Path(source).suffix == f'.{SHARDS}':
            from ..checkpoints.sharded import read_optimizer

            optimizer_state['state'] = read_optimizer(Path(source), optimizer)
        else:
            optimizer_state = place_optimizer_state(optimizer_state, optimizer)
        runner.optim_wrapper.load_state_dict(optimizer_state)
        for scheduler, state in zip(schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        rescale_lr(optimizer, schedulers, *scales, runner.logger)
        for change in changes(meta, describe_stream(runner.train_dataloader, runner.world_size)):
            runner.logger.warning(change)
        runner.logger.info(f'resumed at step {runner.iter} of {runner.max_iters}')


def _size(path: str | None) -> str:
    """Size or kind of a path, compared across processes to detect storage that is not shared."""
    if path is None or not Path(path).exists():
        return 'no file'
    return 'a folder' if Path(path).is_dir() else f'{Path(path).stat().st_size} bytes'
