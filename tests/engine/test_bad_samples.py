"""What several processes found bad is in the log of the first."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.multiprocessing as mp
from torch.utils.data import DataLoader

from mplug2.datasets import InterleavedSources, ShardedPairs, multimodal_collate
from mplug2.datasets.transforms import LoadImage, PackInputs
from mplug2.engine import BadSampleCount
from tests.datasets.shards import pairs, write_shard
from tests.runs import free_port

pytestmark = pytest.mark.distributed


def work(rank: int, folder: Path, port: int) -> None:
    """Process 0 reads a half without bad samples, process 1 one with two."""
    place = dict(RANK=str(rank), WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    os.environ.update(place)
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo')
    policy = dict(policy='replace', max_bad=2)
    dataset = ShardedPairs(str(folder), pipeline=[LoadImage(), PackInputs(fields=['captions'])], bad_samples=policy)
    part = [[0, 1], [2, 3]][rank]
    loader = DataLoader(dataset, batch_size=2, sampler=part, num_workers=1, collate_fn=multimodal_collate)
    source = dict(dataset=dataset, batch_size=2, tasks=['matching'])
    sources = InterleavedSources(dict(clean=source | dict(dataset=[]), images=source))
    log_file = folder / f'{rank}.txt'
    logger = logging.Logger('bad samples')
    logger.addHandler(logging.FileHandler(log_file))
    hook, runner = BadSampleCount(interval=2), SimpleNamespace(logger=logger, train_dataloader=loader, iter=0)
    hook.after_train_iter(runner, 0)
    next(iter(loader))
    for runner.iter in range(1, 6):
        hook.after_train_iter(runner, runner.iter)
    runner.val_dataloader = SimpleNamespace(dataset=sources)
    hook.after_val_epoch(runner)
    torch.distributed.destroy_process_group()


def test_the_first_process_tells_what_all_found(tmp_path: Path) -> None:
    write_shard(tmp_path / '0.tar', [*pairs(2), {'jpg': b'', 'txt': b'x'}, {'jpg': b'', 'txt': b'x'}])
    mp.start_processes(work, (tmp_path, free_port()), nprocs=2, start_method='fork')
    assert (tmp_path / '0.txt').read_text().splitlines() == [
        'bad samples in training, found by 2 processes so far: 2',
        'bad samples in validation, found by 2 processes so far: images 2',
    ]
