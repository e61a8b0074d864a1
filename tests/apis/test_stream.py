"""Preparing ahead: in order, in bounded memory, by threads or processes."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from mplug2 import Inferencer
from mplug2.apis.inputs import as_media
from mplug2.apis.reading import Failed, Ready, Request, read_request
from mplug2.apis.stream import prepared_batches


def test_threads_prepare_ahead() -> None:
    prepared: list[int] = []
    batches = prepared_batches(range(9), lambda number: prepared.append(number) or number, 2, workers=1)
    assert next(batches) == [(0, 0), (1, 1)]
    assert list(batches) == [[(2, 2), (3, 3)], [(4, 4), (5, 5)], [(6, 6), (7, 7)], [(8, 8)]]
    with pytest.raises(ValueError, match='at least 1, not 8 and 0'):
        prepared_batches([], len, 8, workers=0)


def exit_at_three(number: int) -> int:
    if number == 3:
        os._exit(1)
    return number


def test_processes_read_as_threads_do_and_one_that_stops_is_named(mini_home: Path) -> None:
    model = Inferencer('mplug2_tiny')
    clip = str(next((mini_home / 'data/mini/msrvtt/videos').glob('*.mp4')))
    asked = model._asked('caption')
    requests = [Request(0, clip, None), Request(1, 'none.mp4', None), Request(2, np.zeros((8, 8, 3), np.uint8), None)]
    (first, second) = prepared_batches(requests, partial(read_request, model.pipeline, asked), 2, 1, processes=True)
    ready, failed, image = [prepared for _, prepared in (*first, *second)]
    assert isinstance(ready, Ready)
    here = model.pipeline(ready.task, as_media(clip), {}).packed['inputs']['frames']
    assert torch.equal(ready.packed['inputs']['frames'], here)
    assert isinstance(failed, Failed)
    assert image.result.source == 'array 2'

    batches = prepared_batches(range(8), exit_at_three, 2, workers=1, processes=True)
    with pytest.raises(RuntimeError, match=r'a process that reads inputs stopped, .*pid'):
        list(batches)
