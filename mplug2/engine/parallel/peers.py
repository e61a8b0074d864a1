"""The processes of a run as they know each other: who is gone or stopped, and where its log is."""

from __future__ import annotations

import logging
import os
import socket
import time
from typing import NamedTuple

from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.logging import MMLogger

_PATIENCE = 5.0  # seconds in which a process that closes its connections ends
# What torch's process groups say where another process has gone.
_LOST = ('Connection closed by peer', 'Connection reset by peer', 'Broken pipe', 'Timed out waiting', 'NCCL', 'Socket Timeout')


class Peer(NamedTuple):
    """rank, host, pid: of a process. log: its file, or ''."""

    rank: int
    host: str
    pid: int
    log: str


_peers: list[Peer] = []


def meet_peers() -> None:
    """Tell each other who and where all processes are; all call it."""
    files = [handler for handler in MMLogger.get_current_instance().handlers if isinstance(handler, logging.FileHandler)]
    log = files[0].baseFilename if files else ''
    _peers[:] = all_gather_object(Peer(get_rank(), socket.gethostname(), os.getpid(), log)) if get_world_size() > 1 else []


def lost_peers(error: BaseException) -> str:
    """A sentence on the processes that an error of communication comes from; '' where it is none, or nothing is known."""
    if not _peers or not any(words in str(error) for words in _LOST):
        return ''
    until = time.monotonic() + _PATIENCE
    while not (lost := _not_running()) and time.monotonic() < until:
        time.sleep(0.1)
    return _listed(lost or [(peer, 'on another machine or still there') for peer in _peers if peer.pid != os.getpid()])


def stopped_peers() -> str:
    """A sentence on the processes of this machine that are gone or stopped; '' if all run."""
    return _listed(_not_running())


def _listed(states: list[tuple[Peer, str]]) -> str:
    parts = []
    for peer, state in states:
        log = f'its log is {peer.log}' if peer.log else 'it writes no log: see what it printed'
        parts.append(f'process {peer.rank} ({peer.pid} on {peer.host}) is {state}, {log}')
    return '; '.join(parts)


def _not_running() -> list[tuple[Peer, str]]:
    here = [peer for peer in _peers if peer.host == socket.gethostname() and peer.pid != os.getpid()]
    states = [(peer, state_of(peer.pid)) for peer in here]
    return [(peer, state) for peer, state in states if state != 'running']


def state_of(pid: int) -> str:
    """'running', 'stopped' or 'gone'; where the system does not say more than that a process exists, 'running'."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            letter = file.read().rpartition(')')[2].split()[0]
        return {'T': 'stopped', 't': 'stopped', 'Z': 'gone', 'X': 'gone'}.get(letter, 'running')
    except OSError:
        if os.path.isdir('/proc/self'):
            return 'gone'
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return 'gone'
    except OSError:  # of another user
        return 'running'
    return 'running'
