"""A model behind a web page and an HTTP API."""

from .app import build_app
from .service import BusyError, Limits, RequestError, Service

__all__ = ['BusyError', 'Limits', 'RequestError', 'Service', 'build_app']
