"""Every method with every kind of input, by the shipped model that has them all."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mplug2 import Inferencer
from mplug2.apis import Result
from mplug2.datasets.io.image import read_image
from mplug2.datasets.io.video import read_video
from tests.datasets.media import turn

QUESTION = dict(question='what colour is it ?')
VISION: dict[str, tuple[str, dict[str, Any], str]] = {  # name -> method, its arguments, and what it fills
    'caption': ('caption', {}, 'text'),
    'caption n-best': ('caption', dict(n_best=2, num_beams=3, max_length=8, length_penalty=0.5), 'candidates'),
    'answer': ('answer', QUESTION, 'text'),
    'answer ranked': ('answer', QUESTION | dict(choices=['red', 'blue'], n_best=2), 'candidates'),
    'match': ('match', dict(text='a red seven'), 'score'),
    'embed': ('embed', {}, 'embedding'),
    'search': ('search', dict(text='a red seven'), 'similarity'),
    'ground': ('ground', dict(phrase='the red one'), 'score'),
    'classify': ('classify', {}, 'text'),
    'classify zero-shot': ('classify', dict(class_names=['a seven', 'a two']), 'candidates'),
}
TEXTS: dict[str, tuple[str, list[list[str]], dict[str, Any]]] = {  # name -> method, its texts, other arguments
    'classify_text': ('classify_text', [['a red seven moves', 'b'], ['a seven moves', 'c']], {}),
    'answer_text': ('answer_text', [['a red seven moves left', 'a blue two'], ['which digit moves ?', 'what ?']], {}),
    'summarize': ('summarize', [['a red seven moves. a blue one stays.', 'a large two']], dict(n_best=2, num_beams=2)),
}


@pytest.fixture(scope='module')
def model() -> Inferencer:
    return Inferencer('mplug2_tiny_multitask', dtype='float32')


@pytest.fixture(scope='module')
def media(mini_home: Path) -> dict[str, Path]:
    root = mini_home / 'data/mini'
    return dict(image=min((root / 'coco/val2014').glob('*.jpg')), video=min((root / 'msrvtt/videos').glob('*.mp4')))


@pytest.fixture(scope='module')
def address(mini_home: Path) -> Iterator[Callable[[Path], str]]:
    """From a file of the mini benchmark to its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(mini_home)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield lambda file: f'http://127.0.0.1:{server.server_port}/{file.relative_to(mini_home)}'
    server.shutdown()


def forms(file: Path, kind: str, url: str) -> list[Any]:
    """The same image or clip in every form."""
    if kind == 'image':
        pixels = read_image(str(file)).copy()
        own: list[Any] = [Image.open(file)]
    else:
        pixels = read_video(str(file), lambda length: list(range(length)))
        own = [dict(media=file)]
    tensor = torch.from_numpy(pixels)
    return [str(file), file, url, file.read_bytes(), pixels, tensor, tensor.movedim(-1, -3), *own]


def numbers(result: Result, filled: str) -> list[float]:
    """What a method filled, its text as characters."""
    value = getattr(result, filled)
    if filled == 'candidates':
        return [candidate.score for candidate in value]
    return list(map(ord, value)) if filled == 'text' else np.ravel(value).tolist()


@pytest.mark.parametrize(
    ('name', 'kind'), [pair for pair in product(VISION, ('image', 'video')) if pair != ('ground', 'video')]
)
def test_images_and_clips(
    name: str, kind: str, model: Inferencer, media: dict[str, Path], address: Callable[[Path], str], tmp_path: Path
) -> None:
    method, arguments, filled = VISION[name]
    file, call = media[kind], functools.partial(getattr(model, method), **arguments)
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in' / file.name).write_bytes(file.read_bytes())
    given = forms(file, kind, address(file))
    drawn = list(call([*given[:2], tmp_path / 'none.jpg'], out_dir=tmp_path / 'out', progress=True))
    assert [result.error is None for result in drawn] == [True, True, False]
    assert len(list((tmp_path / 'out').glob('*.png'))) == 2
    results = list(call(iter(given), batch_size=3)) + list(call(tmp_path / 'in'))
    assert len(results) == len(given) + 1
    single = call(given[0])
    (expected,) = single if isinstance(single, list) else [single]
    assert numbers(expected, filled)
    for result in results:
        assert numbers(result, filled) == pytest.approx(numbers(expected, filled), abs=1e-4), result.source
        assert result.to_dict()
    if kind == 'video':
        part = call(str(file), start=0.2, end=0.6)
        assert (part[0] if isinstance(part, list) else part).times == (0.2, 0.6)


@pytest.mark.parametrize('name', TEXTS)
def test_texts(name: str, model: Inferencer) -> None:
    method, texts, arguments = TEXTS[name]
    call = functools.partial(getattr(model, method), **arguments)
    several = list(call(*texts))
    assert [result.source for result in several] == texts[0]
    generated = list(call((text for text in texts[0]), *texts[1:], batch_size=1))
    single = call(*(column[0] for column in texts))
    assert single.text == several[0].text == generated[0].text
    assert all(isinstance(result.text, str) and result.to_dict() for result in several)
    assert all(len(result.candidates) == arguments.get('n_best', 0) for result in several)


def test_a_long_clip_by_segments(model: Inferencer, media: dict[str, Path]) -> None:
    clip, image = media['video'], media['image']
    results = list(model.caption(str(clip), segment=0.4))
    parts = [result.times for result in results]
    assert len(parts) > 1
    assert [result.text for result in results] == [model.caption(clip, start=start, end=end).text for start, end in parts]
    inputs = [image, clip.read_bytes(), 'none.mp4', dict(media=clip, start=0.4)]
    results = list(model.caption(inputs, segment=0.4, start=0.2))
    assert results[0].error is not None, 'an image has no seconds'
    results = list(model.caption(inputs, segment=0.4))
    assert [result.times for result in results] == [None, *parts, None, *((start, end) for start, end in parts if start)]
    assert [result.error is None for result in results] == [True] * (1 + len(parts)) + [False] + [True] * (len(parts) - 1)


def test_a_phone_clip_is_captioned_as_it_is_shown(model: Inferencer, media: dict[str, Path], tmp_path: Path) -> None:
    """A clip that lies on its side in the file, with a display matrix that turns it upright."""
    upright = read_video(str(media['video']), lambda length: list(range(length)))
    turned = tmp_path / 'turned.mp4'
    turned.write_bytes(media['video'].read_bytes())
    shown = read_video(str(turn(turned, (0, 1, -1, 0))), lambda length: list(range(length)))
    assert np.array_equal(shown, np.rot90(upright, -1, (1, 2)))
    assert model.caption(turned).text == model.caption(np.ascontiguousarray(shown)).text
    assert model.embed(turned).embedding == pytest.approx(model.embed(np.ascontiguousarray(shown)).embedding, abs=1e-5)
    assert model.embed(turned).embedding != pytest.approx(model.embed(media['video']).embedding, abs=1e-3)
