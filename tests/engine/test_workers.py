"""Processes that load samples."""

from __future__ import annotations

import subprocess
import time

from mplug2.engine.runner import Runner


class Numbers:
    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> int:
        time.sleep(0.02)
        return index


def test_workers_outlive_a_signal_to_all_processes_of_a_run() -> None:
    """As torchrun, Slurm and a shutdown send it; what their own parent sends ends them."""
    loader = Runner.build_dataloader(
        dict(
            dataset=Numbers(),
            sampler=dict(type='DefaultSampler', shuffle=False),
            batch_size=2,
            num_workers=1,
            collate_fn=dict(type='pseudo_collate'),
        ),
        seed=0,
    )
    batches = iter(loader)
    found = list(next(batches))
    (worker,) = batches._workers
    for name in ('-TERM', '-USR1', '-TERM'):
        subprocess.run(['kill', name, str(worker.pid)], check=True)
        found += next(batches)
    for batch in batches:
        found += batch
    assert found == list(range(40))
    assert worker.is_alive()
    worker.terminate()
    worker.join(20)
    assert worker.exitcode == 0
