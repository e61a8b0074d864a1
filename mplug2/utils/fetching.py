"""Files from web servers that nobody vouches for: bounded in bytes, seconds and where they may lead."""

from __future__ import annotations

import contextlib
import functools
import http.client
import ipaddress
import socket
import threading
import urllib.request
from typing import Any
from urllib.parse import urlsplit

MAX_BYTES = 2**30
SECONDS = 30.0
_PART = 2**20  # bytes read at a time
_REDIRECTS = 5


class FetchLimitError(ValueError):
    """A server gives more, or leads elsewhere, than is allowed; one sentence."""


def fetch_url(url: str, seconds: float = SECONDS, max_bytes: int = MAX_BYTES, allow_private: bool = False) -> bytes:
    """The body of a URL's answer.

    Args:
        seconds: for all of it, from looking the name up to the last byte, redirects included. max_bytes: of the body.
        allow_private: follow redirects to other hosts at addresses of private networks, this machine among them.

    Raises:
        FetchLimitError: neither http nor https; more bytes; a redirect to a private address. TimeoutError: it takes longer.
        OSError: the server or the network fails; of its subclasses `urllib.error.HTTPError` for an error status.
        http.client.HTTPException: what is answered is not HTTP, or ends early.
    """
    scheme, host = urlsplit(url).scheme.lower(), urlsplit(url).netloc
    if scheme not in ('http', 'https'):
        raise FetchLimitError(f'{scheme or "a path"} is not fetched: http and https are')
    watch = _Deadline(seconds, None if allow_private else host)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Handler(watch),
        _Redirects(watch),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers={'User-Agent': 'mplug2'})
    try:
        with watch, opener.open(request, timeout=seconds) as answer:
            parts, size = [], 0
            while part := answer.read1(_PART):
                parts.append(part)
                size += len(part)
                if size > max_bytes:
                    raise FetchLimitError(f'more than {max_bytes} bytes')
            if watch.passed:  # the cut looks like an end
                raise TimeoutError
            if missing := getattr(answer, 'length', None):  # the connection was lost, which read1 does not report
                raise http.client.IncompleteRead(b'', missing)
            return b''.join(parts)
    except (OSError, http.client.HTTPException):
        if watch.passed:
            raise TimeoutError from None
        raise


class _Deadline:
    """Cuts the connections that it is given when its time is over: timeouts of sockets begin anew with each byte.

    Args:
        seconds: until then. host: of the first request, as in its URL; None lets redirects lead to any address.
    """

    def __init__(self, seconds: float, host: str | None) -> None:
        self.host, self.passed = host, False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: Any) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.passed = True
        for connected in self._sockets:
            with contextlib.suppress(OSError):  # closed already
                connected.shutdown(socket.SHUT_RDWR)

    def add(self, connected: socket.socket, host: str | None) -> None:
        """Watch a connection. host: that it was asked of; None: it is to a proxy, whose address is the owner's choice.

        Raises:
            FetchLimitError: it leads to a private address that nobody asked for.
        """
        self._sockets.append(connected)
        if self.passed:
            raise TimeoutError
        address = ipaddress.ip_address(connected.getpeername()[0].partition('%')[0])
        address = getattr(address, 'ipv4_mapped', None) or address
        if None not in (self.host, host) and host != self.host and not address.is_global:
            raise FetchLimitError(f'a redirect leads to the private address {address}')


class _Watched:
    """Mixed into connections, which report their sockets as soon as they are connected."""

    watch: _Deadline
    asked: str | None

    def connect(self) -> None:
        super().connect()
        self.watch.add(self.sock, self.asked)


class _Connection(_Watched, http.client.HTTPConnection):
    pass


class _SecureConnection(_Watched, http.client.HTTPSConnection):
    pass


def _connection(kind: type, watch: _Deadline, asked: str | None, host: str, **options: Any) -> Any:
    made = kind(host, **options)
    made.watch, made.asked = watch, asked
    return made


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def __init__(self, watch: _Deadline) -> None:
        super().__init__()
        self._watch = watch

    def http_open(self, request: urllib.request.Request) -> Any:
        return self._open(_Connection, request)

    def https_open(self, request: urllib.request.Request) -> Any:
        return self._open(_SecureConnection, request)

    def _open(self, kind: type, request: urllib.request.Request) -> Any:
        asked = None if request.has_proxy() else urlsplit(request.full_url).netloc
        return self.do_open(functools.partial(_connection, kind, self._watch, asked), request)


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _REDIRECTS

    def __init__(self, watch: _Deadline) -> None:
        self._watch = watch

    def redirect_request(self, request: Any, answer: Any, code: int, message: str, headers: Any, url: str) -> Any:
        if urlsplit(url).scheme.lower() not in ('http', 'https'):
            raise FetchLimitError(f'a redirect leads to {url[:80]}, which is not http')
        return super().redirect_request(request, answer, code, message, headers, url)
