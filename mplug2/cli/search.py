"""``mplug2 search``."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('index', metavar='INDEX', help='folder that mplug2 index wrote')
    parser.add_argument('text', help='what the image or clip shows')
    parser.add_argument('--top-k', type=int, default=10, metavar='N', help='how many are printed')
    parser.add_argument('--rerank', type=int, default=0, metavar='N', help='read the N nearest again and order them by match')
    inference.add_model(parser, default='that of the index')


def run(args: argparse.Namespace) -> None:
    with redirect_stdout(sys.stderr):
        from ..apis import EmbeddingIndex, Inferencer

        index = EmbeddingIndex(args.index)
        name = args.model or index.head['model']
        if name is None:
            raise ValueError(f'the index {args.index} names no model: say which, with --model')
        model = Inferencer(name, args.config, args.device, args.dtype)
    for result in index.search(model, args.text, top_k=args.top_k, rerank=args.rerank):
        print(json.dumps(result.to_dict()))
