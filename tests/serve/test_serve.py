"""The web page and the HTTP API of a model: over HTTP, and in a real browser."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from PIL import Image

pytest.importorskip('gradio', reason='the page needs gradio: pip install mplug2[serve]')

import uvicorn

from mplug2 import Inferencer
from mplug2.apis import EmbeddingIndex
from mplug2.serve import BusyError, Limits, RequestError, Service
from mplug2.serve.app import build_app
from mplug2.serve.page import TABS, build_page
from mplug2.serve.words import LANGUAGES, TABLE
from tests.runs import ROOT, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUESTION = 'what color is the digit ?'


@pytest.fixture(scope='module')
def clip(mini_home: Path) -> Path:
    return min((mini_home / 'data/mini/msrvtt/videos').glob('*.mp4'))


@pytest.fixture(scope='module')
def service(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Service:
    model = Inferencer('mplug2_tiny', dtype='float32')
    index = EmbeddingIndex(tmp_path_factory.mktemp('index') / 'clips')
    index.update(model, [clip])
    return Service(model, index=index, limits=Limits(upload=2**20, pixels=10**6, text=500, waiting=4))


@pytest.fixture(scope='module')
def address(service: Service) -> Iterator[str]:
    """Where the application listens."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(build_app(service), '127.0.0.1', port, log_level='error'))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(600):
        if server.started:
            break
        time.sleep(0.1)
    assert server.started
    yield f'http://127.0.0.1:{port}'
    server.should_exit = True
    thread.join(20)


def test_an_index_of_other_weights_is_refused_at_the_start(service: Service, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='whose weights differ'):
        Service(service.model, index=EmbeddingIndex(tmp_path / 'none'))


def post(address: str, verb: str, path: Path | bytes, **fields: str) -> httpx.Response:
    file = (path.name, path.read_bytes()) if isinstance(path, Path) else ('upload.mp4', path)
    return httpx.post(f'{address}/v1/{verb}', data=fields, files=dict(file=file), timeout=60)


def test_every_method_over_http(address: str, service: Service, clip: Path) -> None:
    assert httpx.get(f'{address}/v1/methods').json() == service.methods
    caption = post(address, 'caption', clip, n_best='2').json()
    assert (caption['source'], caption['text']) == (clip.name, service.model.caption(str(clip)).text)
    assert len(caption['candidates']) == 2
    answer = post(address, 'answer', clip, question=QUESTION, choices=['red', 'blue']).json()
    assert answer['text'] in ('red', 'blue')
    assert 0 <= post(address, 'match', clip, text='a red two').json()['score'] <= 1
    assert len(post(address, 'embed', clip).json()['embedding']) == 128
    classes = post(address, 'classify', clip, class_names=['a red two', 'a blue one']).json()
    assert {row['text'] for row in classes['candidates']} == {'a red two', 'a blue one'}
    maps = post(address, 'attention', clip, text='a red two', part='queries').json()['attention']
    assert np.shape(maps['maps']) == (9, 4, 5, 5)
    (hit,) = httpx.post(f'{address}/v1/search', data=dict(text='a red two')).json()['results']
    assert hit['source'] == clip.name


def test_the_api_describes_itself(address: str, service: Service) -> None:
    paths = httpx.get(f'{address}/openapi.json').json()['paths']
    assert set(paths) == {'/v1/methods', *(f'/v1/{name}' for name in service.methods)}
    docs = httpx.get(f'{address}/docs').text
    assert 'POST /v1/caption' in docs
    assert 'http://HOST' in docs
    assert 'src=' not in docs  # it loads nothing


def test_errors_are_one_sentence_and_show_no_path(address: str, tmp_path: Path) -> None:
    broken = post(address, 'caption', b'no video')
    assert broken.status_code == 400
    assert broken.json()['error'].startswith('upload.mp4: ')
    Image.new('L', (1200, 1000)).save(tmp_path / 'huge.png')
    huge = post(address, 'caption', tmp_path / 'huge.png')
    assert huge.json()['error'] == 'huge.png has 1200 x 1000 pixels; at most 1000000 are read'
    large = post(address, 'caption', bytes(3 * 2**20))
    assert (large.status_code, large.json()['error']) == (413, 'the request has 3 MiB; at most 2 are read')
    long = post(address, 'match', b'x', text='a' * 501)
    assert long.json()['error'] == 'a text of 501 characters; at most 500 are read'
    assert post(address, 'ground', b'x', phrase='a two').status_code == 404


@pytest.mark.parametrize('path', ['/etc/passwd', '//etc/passwd', 'README.md', '../../../../etc/passwd', str(Path(__file__))])
@pytest.mark.parametrize('route', ['/file=', '/gradio_api/file=', '/gradio_api/file/', '/static/', '/assets/'])
def test_no_file_of_the_server_is_readable(address: str, route: str, path: str) -> None:
    with socket.create_connection(address.removeprefix('http://').split(':')) as raw:  # a client would tidy the path up
        raw.sendall(f'GET {route}{path} HTTP/1.0\r\nHost: x\r\n\r\n'.encode())
        reply = b''.join(iter(lambda: raw.recv(65536), b''))
    assert int(reply.split()[1]) in (403, 404)
    assert b'root:' not in reply
    assert b'importorskip' not in reply


def test_a_file_of_the_server_is_no_input(address: str, clip: Path) -> None:
    """The page's own protocol names an input by a path, which a client can write as it likes."""
    calls = httpx.get(f'{address}/config').json()['dependencies']
    look = next(call['id'] for call in calls if len(call['inputs']) == 5)
    for number, path in enumerate(['/etc/passwd', str(clip)]):
        file = dict(path=path, meta=dict(_type='gradio.FileData'))
        join = dict(data=[file, None, 'clip', 0, 0], fn_index=look, session_hash=f's{number}')
        httpx.post(f'{address}/gradio_api/queue/join', json=join)
        with httpx.stream('GET', f'{address}/gradio_api/queue/data?session_hash=s{number}', timeout=30) as events:
            done = next(line for line in events.iter_lines() if 'process_completed' in line)
        assert '"success":false' in done
        assert 'it was not uploaded by a user' in done


def test_requests_that_wait_are_bounded(service: Service, clip: Path) -> None:
    release = threading.Event()
    waiting = [threading.Thread(target=service._run, args=(lambda: release.wait(30),)) for _ in range(4)]
    for thread in waiting:
        thread.start()
    while service._slots._value:
        time.sleep(0.01)
    try:
        with pytest.raises(BusyError, match='4 requests wait already'):
            service.ask('caption', clip)
    finally:
        release.set()
        for thread in waiting:
            thread.join()
    assert service.ask('caption', clip).result.text
    with pytest.raises(RequestError, match='this server cannot ground'):
        service.ask('ground', clip, 'a two')


def test_a_failure_of_the_program_is_not_shown(service: Service) -> None:
    def fail() -> None:
        raise RuntimeError('secret')

    with pytest.raises(RequestError, match='the server failed at this request'):
        service._run(fail)


def test_the_page_speaks_two_languages(service: Service) -> None:
    """Every language has every word with the same values to fill in, and the page has no others."""
    for key, texts in TABLE.items():
        assert len(texts) == len(LANGUAGES), key
        assert all(texts), key
        fields = [sorted(re.findall(r'{(\w+)', text)) for text in texts]
        assert fields[0] == fields[1], key
    for column, language in enumerate(LANGUAGES):
        props = [component['props'] for component in build_page(service, language).config['components']]
        shown = {str(prop[name]) for prop in props for name in ('label', 'value') if prop.get(name)}
        assert {TABLE[key][column] for key in ('run', 'clip', 'frames', 'question', 'hits', 'looks')} <= shown
        assert not any(TABLE[key][1 - column] in shown for key in ('run', 'clip', 'frames', 'question', 'hits', 'looks'))
    used = set(re.findall(r"say\('(\w+)'", (ROOT / 'mplug2/serve/page.py').read_text()))
    assert used | set(TABS) == set(TABLE)
    with pytest.raises(ValueError, match="speaks en and zh, not 'fr'"):
        build_page(service, 'fr')


@pytest.mark.browser
def test_upload_ask_and_see_the_answer(page: Page, address: str, service: Service, clip: Path) -> None:
    loaded: list[str] = []
    page.on('request', lambda request: loaded.append(request.url))
    page.goto(address)
    page.set_input_files('#clip input[type=file]', clip)
    page.wait_for_selector('#frames img')
    assert page.locator('#frames img').count() == 4
    page.get_by_role('tab', name='Question').click()
    page.fill('#question textarea', QUESTION)
    page.press('#question textarea', 'Enter')
    answer = service.model.answer(str(clip), QUESTION).text
    page.wait_for_selector(f'#history [data-testid=bot]:has-text("{answer}")')
    page.wait_for_selector('#latency-answer:has-text("s on cpu")')
    page.get_by_role('tab', name='Class').click()
    page.click('#run-classify')
    page.wait_for_selector('text=the model has no classes of its own')
    elsewhere = [url for url in loaded if not url.startswith((address, 'data:', 'blob:'))]
    assert elsewhere == []
