"""``mplug2 predict``."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path

from . import inference
from .summarize import lines_of

PROMPTED = {'answer': 'question', 'answer_text': 'question', 'match': 'text', 'ground': 'phrase'}  # what --text is to them
TEXTS = ('summarize', 'classify_text', 'answer_text')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='a config file, or the name of a shipped one')
    parser.add_argument('model', metavar='weights', help='a checkpoint, a work directory or shipped weights')
    inputs = 'images, clips or folders of them; for text tasks files with a text a line'
    parser.add_argument('paths', nargs='+', metavar='INPUT', help=inputs)
    parser.add_argument('--method', help="what is asked, where the config's model can do several things")
    parser.add_argument('--text', help='the question, text or phrase that goes with every input')
    parser.add_argument('--out', type=Path, metavar='FILE', help='write results here, as .jsonl or .csv, in place of printing')
    inference.add_running(parser)
    inference.add_workers(parser)
    inference.add_show(parser)
    inference.add_clips(parser)


def run(args: argparse.Namespace) -> int:
    with redirect_stdout(sys.stderr):
        from ..apis import Inferencer

        model = Inferencer(args.model, args.config, args.device, args.dtype, args.workers, args.processes)
    method = args.method or only(model.methods)
    if method not in model.methods or method == 'search':
        raise ValueError(f'--method is one of {", ".join(name for name in model.methods if name != "search")}, not {method!r}')
    if method in PROMPTED and args.text is None:
        raise ValueError(f'{method} needs a {PROMPTED[method]} for its inputs: give it as --text')
    texts = (args.text,) if method in PROMPTED or (method == 'classify_text' and args.text is not None) else ()
    if method in TEXTS:
        del args.start, args.end
        return inference.run(args, method, *texts, inputs=lines_of(args.paths), model=model)
    if method in ('detect', 'segment'):
        del args.start, args.end
    return inference.run(args, method, *texts, model=model)


def only(methods: list[str]) -> str:
    """The method of a model that can do one thing; of a detector, to detect.

    Raises:
        ValueError: it can do several.
    """
    if 'detect' in methods:
        return 'detect'
    if len(methods) != 1:
        raise ValueError(f'the model can {", ".join(methods)}: say which with --method')
    return methods[0]
