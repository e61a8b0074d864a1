"""Servers that never end, are slow, or lead elsewhere."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mplug2.datasets.shards.writing import FetchError, fetch
from mplug2.utils.fetching import FetchLimitError, fetch_url


class Hostile(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        port = self.server.server_address[1]
        leads_to = {'/home': '/ok', '/other': f'http://localhost:{port}/ok', '/file': 'ftp://localhost/a'}.get(self.path)
        if leads_to:
            self.send_response(302)
            self.send_header('Location', leads_to)
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        with contextlib.suppress(OSError):
            if self.path == '/slow':
                self.wfile.write(b'HTTP/1.1 200 OK\r\n')
                for number in range(50):
                    self.wfile.write(b'X-%d: y\r\n' % number)
                    time.sleep(0.1)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'whole')
            while self.path == '/endless':
                self.wfile.write(bytes(2**16))

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope='module')
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Hostile) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{serving.server_port}'
        serving.shutdown()


def test_redirects_stay_at_their_host_or_lead_to_public_addresses(server: str) -> None:
    assert fetch_url(f'{server}/home') == b'whole'
    assert fetch_url(f'{server}/other', allow_private=True) == b'whole'
    with pytest.raises(FetchLimitError, match='a redirect leads to the private address'):
        fetch_url(f'{server}/other')
    with pytest.raises(FetchLimitError, match='a redirect leads to ftp://localhost/a, which is not http'):
        fetch_url(f'{server}/file')


def test_bytes_and_seconds_are_bounded(server: str) -> None:
    with pytest.raises(FetchLimitError, match='more than 1000000 bytes'):
        fetch_url(f'{server}/endless', max_bytes=10**6)
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        fetch_url(f'{server}/slow', seconds=0.3)
    assert time.monotonic() - start < 4  # of five seconds, in which each header comes in time


def test_only_web_servers_and_regular_files_are_read(tmp_path: Path) -> None:
    for source, reason in (('file:///dev/zero', 'file is not fetched'), ('/dev/zero', 'no regular file')):
        with pytest.raises(FetchError, match=reason):
            fetch(source)
    (tmp_path / 'a').write_bytes(bytes(9))
    with pytest.raises(FetchError, match='more than 8 bytes'):
        fetch(str(tmp_path / 'a'), max_bytes=8)
