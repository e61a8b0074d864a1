"""The launchers hand on what they are told, as stand-ins for Slurm's and torchrun's programs see it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from mplug2.config import load_config

TOOLS = Path(__file__).parents[2] / 'tools'


def launched(folder: Path, program: str, *command: str | Path, **environment: str) -> str:
    """What `program` is started with by a command: torchrun's seconds if they are set, and arguments."""
    stand_in = folder / program
    stand_in.write_text('#!/bin/sh\necho $TORCH_ELASTIC_SHUTDOWN_TIMEOUT "$@"\n')
    stand_in.chmod(0o755)
    env = dict(os.environ, PATH=f'{folder}:{os.environ["PATH"]}', **environment)
    return subprocess.run(list(map(str, command)), env=env, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize('recipe', ['mplug2_base', 'mplug2_large'])
def test_a_task_of_slurm_has_a_core_for_each_worker(tmp_path: Path, recipe: str) -> None:
    script = TOOLS / 'slurm_train.sh'
    cores = re.search(r'^#SBATCH --cpus-per-task=(\d+)$', script.read_text(), re.MULTILINE)[1]
    assert int(cores) > load_config(f'pretraining/{recipe}').train_dataloader.num_workers
    told = launched(tmp_path, 'srun', script, f'pretraining/{recipe}', '--seed', '1', SLURM_CPUS_PER_TASK=cores)
    assert told.startswith(f'--cpus-per-task={cores} ')
    assert told.endswith(f'tools/train.py pretraining/{recipe} --launcher slurm --resume --seed 1')


@pytest.mark.parametrize(('given', 'seconds'), [({}, 300), ({'TORCH_ELASTIC_SHUTDOWN_TIMEOUT': '60'}, 60)])
def test_torchrun_leaves_time_for_a_checkpoint(tmp_path: Path, given: dict[str, str], seconds: int) -> None:
    told = launched(tmp_path, 'python', TOOLS / 'dist_train.sh', 'mini/video_qa', '2', '--amp', **given)
    assert told.startswith(f'{seconds} -m torch.distributed.run ')
    assert told.endswith(f'--nproc_per_node=2 {TOOLS}/train.py mini/video_qa --launcher pytorch --amp')
