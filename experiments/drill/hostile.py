"""A web server that does what servers should not."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Iterator

BODY = bytes(range(256)) * 8


class Hostile(http.server.BaseHTTPRequestHandler):
    """Each path behaves badly in its own way; ``/whole`` is answered as it should be."""

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            getattr(self, self.path.partition('?')[0].strip('/'))()

    def _head(self, length: int | None = None, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            headers['Content-Length'] = str(length)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()

    def whole(self) -> None:
        self._head(len(BODY))
        self.wfile.write(BODY)

    def missing(self) -> None:
        self._head(0, 404)

    def busy(self) -> None:
        self._head(0, 503)

    def cut(self) -> None:
        self._head(2 * len(BODY))
        self.wfile.write(BODY)

    def endless(self) -> None:
        self._head()
        while True:
            self.wfile.write(BODY)

    def drip(self) -> None:
        self._head(10**6)
        while True:
            self.wfile.write(b'x')
            time.sleep(0.05)

    def slow_head(self) -> None:
        self.wfile.write(b'HTTP/1.1 200 OK\r\n')
        for number in range(10**6):
            self.wfile.write(b'X-%d: y\r\n' % number)
            time.sleep(0.3)

    def silent(self) -> None:
        time.sleep(30)

    def garbage(self) -> None:
        self.wfile.write(b'\xff\xfe garbage\r\n\r\n')

    def bad_length(self) -> None:
        self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nxx')

    def loop(self) -> None:
        self._head(0, 302, Location=f'/loop?{time.time()}')

    def to_file(self) -> None:
        self._head(0, 302, Location='file:///etc/hostname')

    def to_private(self) -> None:
        self._head(0, 302, Location=f'http://localhost:{self.server.server_address[1]}/whole')

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        self.connection.close()

    def log_message(self, *words: object) -> None:
        pass


WAYS = [name for name in vars(Hostile) if not name.startswith('_') and name not in ('do_GET', 'log_message', 'whole')]


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The address of a server on this machine."""
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Hostile) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
