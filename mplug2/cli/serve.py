"""``mplug2 serve``."""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inference.add_source(parser)
    parser.add_argument('--detector', help='finds the objects of images (default: the shipped one beside the shipped model)')
    parser.add_argument('--index', metavar='INDEX', help='folder that mplug2 index wrote with the same model, to search in')
    parser.add_argument('--host', default='127.0.0.1', help='0.0.0.0 lets other machines in (default 127.0.0.1)')
    parser.add_argument('--port', type=int, default=7860)
    parser.add_argument('--max-upload', type=int, default=64, metavar='MiB', help='of a file (default 64)')
    parser.add_argument('--max-waiting', type=int, default=16, metavar='N', help='requests that run or wait (default 16)')
    parser.add_argument('--language', choices=['en', 'zh'], default='en', help='of the page (default en)')
    inference.add_device(parser)


def run(args: argparse.Namespace) -> None:
    if importlib.util.find_spec('gradio') is None:
        raise ImportError('the page needs gradio, which is not installed: pip install mplug2[serve]')
    with tempfile.TemporaryDirectory(prefix='mplug2_serve_') as uploads:
        os.environ['GRADIO_TEMP_DIR'] = uploads  # goes away with the server
        import uvicorn

        from ..apis import EmbeddingIndex, Inferencer
        from ..apis.execution import DEFAULT_DETECTOR
        from ..serve import Limits, Service
        from ..serve.app import build_app

        limits = Limits(upload=args.max_upload * 2**20, waiting=args.max_waiting)
        model = inference.load(args)
        finder = args.detector
        if args.model is None and finder is None and importlib.util.find_spec('mmdet') is not None:
            finder = DEFAULT_DETECTOR
        detector = Inferencer(finder, device=args.device, dtype=args.dtype) if finder else None
        index = EmbeddingIndex(args.index) if args.index else None
        app = build_app(Service(model, detector, index, limits), language=args.language)
        print(f'http://{args.host}:{args.port} (page), http://{args.host}:{args.port}/docs (HTTP API)', flush=True)
        uvicorn.run(app, host=args.host, port=args.port, log_level='warning')
