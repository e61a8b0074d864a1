"""The launchers hand on their arguments, as stand-ins for Slurm's and torchrun's programs see it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mplug2.config.load import load_config

TOOLS = Path(__file__).parents[2] / 'tools'


def stand_in(program: Path, lines: str) -> None:
    program.write_text(f'#!/bin/bash\n{lines}\n')
    program.chmod(0o755)


def launched(folder: Path, program: str, *command: str | Path, **environment: str) -> str:
    """What `program` is started with by a command: torchrun's seconds if they are set, and arguments."""
    stand_in(folder / program, 'echo $TORCH_ELASTIC_SHUTDOWN_TIMEOUT "$@"')
    env = dict(os.environ, PATH=f'{folder}:{os.environ["PATH"]}', **environment)
    return subprocess.run(list(map(str, command)), env=env, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize('recipe', ['mplug2_base', 'mplug2_large'])
def test_a_task_of_slurm_has_a_core_for_each_worker(tmp_path: Path, recipe: str) -> None:
    script = TOOLS / 'slurm_train.sh'
    cores = re.search(r'^#SBATCH --cpus-per-task=(\d+)$', script.read_text(), re.MULTILINE)[1]
    assert int(cores) > load_config(f'pretraining/{recipe}').train_dataloader.num_workers
    arguments = launched(tmp_path, 'srun', script, f'pretraining/{recipe}', '--seed', '1', SLURM_CPUS_PER_TASK=cores)
    assert arguments.startswith(f'--cpus-per-task={cores} ')
    assert arguments.endswith(f'tools/train.py pretraining/{recipe} --launcher slurm --resume --seed 1')


# What a run does when this script is signalled: it saves, which takes a while, and ends well; or the signal comes too early and
# ends it; or it fails. And its status, and whether the job is queued again.
RUNS = {
    'saves': ('trap "sleep 0.5; touch saved; exit 0" USR1', 0, True),
    'too early': ('', 128 + signal.SIGUSR1, True),
    'fails': ('trap "sleep 0.5; touch saved; exit 1" USR1', 1, False),
}
# What ends without a signal to the script: the processes have had it themselves and leave a note, which they do as well when
# the job is cancelled; the training is done; it fails; one task fails before training, for which srun ends the others.
ENDS = {
    'signalled': ('touch saved $MPLUG2_STOPPED', 0, True),
    'done': ('touch saved', 0, False),
    'fails': ('touch saved; exit 1', 1, False),
    'fails early': ('kill -TERM $$', 128 + signal.SIGTERM, False),
}


def begun(folder: Path, lines: str, state: str = 'RUNNING') -> subprocess.Popen:
    """slurm_train.sh with stand-ins for Slurm's commands, of which `scontrol requeue` leaves a file."""
    stand_in(folder / 'srun', lines)
    stand_in(folder / 'scontrol', f'[ $1 = show ] && echo "JobId=7 JobState={state} Reason=None" || echo "$@" > queued')
    env = dict(os.environ, PATH=f'{folder}:{os.environ["PATH"]}', SLURM_CPUS_PER_TASK='1', SLURM_JOB_ID='7')
    return subprocess.Popen([str(TOOLS / 'slurm_train.sh'), 'config'], cwd=folder, env=env)


def queued(folder: Path) -> bool:
    assert not list(folder.glob('.stopped-*'))
    file = folder / 'queued'
    assert not file.exists() or file.read_text() == 'requeue 7\n'
    return file.exists()


@pytest.mark.parametrize('kind', RUNS)
def test_a_job_of_slurm_saves_and_is_queued_again(tmp_path: Path, kind: str) -> None:
    """Signalled three times: before the limit, and twice while its run saves."""
    trap, status, again = RUNS[kind]
    job = begun(tmp_path, f'{trap}\ntouch begun\nwhile :; do sleep 0.02; done')
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / 'begun').exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGUSR1):
            job.send_signal(number)
            time.sleep(0.1)
        assert job.wait(30) == status
    finally:
        job.kill()
    assert (tmp_path / 'saved').exists() == (kind != 'too early')
    assert queued(tmp_path) == again


@pytest.mark.parametrize('state', ['RUNNING', 'COMPLETING'])
@pytest.mark.parametrize('kind', ENDS)
def test_a_job_whose_processes_were_told_is_queued_again(tmp_path: Path, kind: str, state: str) -> None:
    lines, status, again = ENDS[kind]
    (tmp_path / '.stopped-7').touch()  # of an earlier life of the job
    assert begun(tmp_path, lines, state).wait(30) == status
    assert queued(tmp_path) == (again and state == 'RUNNING')


@pytest.mark.parametrize(('given', 'seconds'), [({}, 300), ({'TORCH_ELASTIC_SHUTDOWN_TIMEOUT': '60'}, 60)])
def test_torchrun_leaves_time_for_a_checkpoint(tmp_path: Path, given: dict[str, str], seconds: int) -> None:
    arguments = launched(tmp_path, 'python', TOOLS / 'dist_train.sh', 'mini/video_qa', '2', '--amp', **given)
    assert arguments.startswith(f'{seconds} -m torch.distributed.run ')
    assert arguments.endswith(f'--nproc_per_node=2 {TOOLS}/train.py mini/video_qa --launcher pytorch --amp')
