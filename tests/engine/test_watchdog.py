"""A run says what it waits for, and ends where it would wait for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from mmengine.runner import get_priority

from mplug2.datasets import MultiModalDataset
from mplug2.engine import CheckpointHook, Watchdog
from mplug2.engine.hooks import watchdog
from mplug2.engine.parallel import peers


class Clips(MultiModalDataset):
    def load_records(self) -> list[dict]:
        return [dict(sample_id=f'clip{number}', media='video', path=f'{number}.mp4') for number in range(3)]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen]:
    with subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']) as process:
        yield process
        process.kill()


def test_a_read_that_does_not_return_is_named_and_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    released, lines = threading.Event(), []
    ended = threading.Event()
    monkeypatch.setattr(watchdog.os, '_exit', lambda status: ended.set())
    dataset = Clips([lambda record: released.wait(20) and record], data_prefix='data')
    dataset.follow_links = True
    logger = SimpleNamespace(warning=lines.append, error=lines.append)
    loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))
    runner = SimpleNamespace(logger=logger, _train_loop=loop, _val_loop=None, _test_loop=None)
    hook = Watchdog(warn_after=0.05, end_after=0.2)
    reader = threading.Thread(target=dataset.__getitem__, args=(1,))
    reader.start()
    hook.before_run(runner)
    assert ended.wait(20)
    hook.stop()
    released.set()
    reader.join()
    what = 'the run is reading sample clip1 (data/1.mp4): for '
    assert lines[0].startswith(what)
    assert any(line.startswith(what) and 'the run ends: look at what is named' in line for line in lines)
    assert dataset.progress.longest() is None


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Watchdog, list[str], threading.Event]]:
    """A watchdog at work, what it says, and whether it has ended the run."""
    lines, ended = [], threading.Event()
    monkeypatch.setattr(watchdog.os, '_exit', lambda status: ended.set())
    logger = SimpleNamespace(warning=lines.append, error=lines.append)
    runner = SimpleNamespace(logger=logger, _train_loop=None, _val_loop=None, _test_loop=None)
    hook = Watchdog(warn_after=0.1, end_after=0.4)
    hook.before_run(runner)
    yield hook, lines, ended
    hook.stop()


def test_a_wait_for_a_stopped_worker_is_told(
    monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen, watching: tuple
) -> None:
    os.kill(sleeper.pid, signal.SIGSTOP)
    monkeypatch.setattr(
        watchdog.multiprocessing, 'active_children', lambda: [SimpleNamespace(pid=sleeper.pid, kill=lambda: None)]
    )
    hook, lines, ended = watching
    hook.before_train_epoch(None)
    assert ended.wait(20)
    what = f'the run waits for the next batch of its loader (its process {sleeper.pid} is stopped): for '
    assert lines[0].startswith(what)
    assert 'the run ends: look at what is named' in lines[1]


@pytest.mark.parametrize('mark', ['before_val', 'before_save_checkpoint'])
def test_a_stopped_process_is_told_in_validation_too(
    monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen, watching: tuple, mark: str
) -> None:
    """These take as long as they take, but not where another process of the run is stopped."""
    peer = peers.Peer(1, peers.socket.gethostname(), sleeper.pid, 'work/rank1.log')
    monkeypatch.setattr(peers, '_peers', [peer])
    hook, lines, ended = watching
    getattr(hook, mark)(None, *([{}] if 'checkpoint' in mark else []))
    assert not ended.wait(0.6)
    os.kill(sleeper.pid, signal.SIGSTOP)
    assert ended.wait(20)
    assert f' while process 1 ({sleeper.pid} on {peer.host}) is stopped, its log is work/rank1.log: for ' in lines[0]


def test_time_in_which_the_run_itself_is_suspended_does_not_count(monkeypatch: pytest.MonkeyPatch, watching: tuple) -> None:
    hook, _, ended = watching
    hook.before_train_epoch(None)
    now = time.monotonic
    monkeypatch.setattr(watchdog.time, 'monotonic', lambda: now() + 3600)
    assert not ended.wait(0.2)


def test_the_process_that_went_is_named_with_its_log(monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen) -> None:
    peer = peers.Peer(1, peers.socket.gethostname(), sleeper.pid, 'work/rank1.log')
    monkeypatch.setattr(peers, '_peers', [peer])
    assert peers.stopped_peers() == ''
    sleeper.kill()
    sleeper.wait()
    message = peers.lost_peers(RuntimeError('[pair.cc:534] Connection closed by peer [127.0.0.1]:4321'))
    assert message == f'process 1 ({sleeper.pid} on {peer.host}) is gone, its log is work/rank1.log'
    assert peers.lost_peers(ValueError('another error')) == ''


def test_it_marks_the_wait_for_a_batch_after_a_checkpoint() -> None:
    """Both act at the end of a step: the checkpoint hook last would leave the mark that the run saves, which is not watched."""
    assert get_priority(Watchdog.priority) > get_priority(CheckpointHook.priority)
