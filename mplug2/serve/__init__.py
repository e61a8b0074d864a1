"""A model behind a web page and an HTTP API; `app` needs gradio."""

from .service import BusyError, Limits, RequestError, Service

__all__ = ['BusyError', 'Limits', 'RequestError', 'Service']
