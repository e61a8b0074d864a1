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
    parser.add_argument(
        '--out',
        type=Path,
        metavar='PATH',
        help='write results here in place of printing: a .jsonl or .csv file, or a folder with a file for each part of a batch',
    )
    parser.add_argument('--engine', help="who works on a batch: 'processes' of this machine (default) or 'ray'")
    parser.add_argument('--num-workers', type=int, metavar='N', help='of a batch; each holds a model (default: 1)')
    parser.add_argument('--format', default='parquet', help="of a batch's results: 'parquet' (default) or 'webdataset'")
    inference.add_running(parser)
    inference.add_workers(parser)
    inference.add_show(parser)
    inference.add_clips(parser)


def run(args: argparse.Namespace) -> int:
    with redirect_stdout(sys.stderr):
        model = inference.load(args)
    method = args.method or only(model.methods)
    if method not in model.methods or method == 'search':
        raise ValueError(f'--method is one of {", ".join(name for name in model.methods if name != "search")}, not {method!r}')
    if method in PROMPTED and args.text is None:
        raise ValueError(f'{method} needs a {PROMPTED[method]} for its inputs: give it as --text')
    texts = (args.text,) if method in PROMPTED or (method == 'classify_text' and args.text is not None) else ()
    if args.engine or args.num_workers or (args.out is not None and not args.out.suffix):
        del model  # workers have their own
        return run_batch(args, method, texts)
    if method in (*TEXTS, 'detect', 'segment'):  # which have no clips
        del args.start, args.end, args.segment
    inputs = lines_of(args.paths) if method in TEXTS else None
    return inference.run(args, method, *texts, inputs=inputs, model=model)


def run_batch(args: argparse.Namespace, method: str, texts: tuple[str, ...]) -> int:
    """Work on shards or folders part by part; parts that are done are passed over. Returns 1 if a sample was bad."""
    from ..batch import FORMATS, Job, parts_of, prepare, run_parts

    if args.out is None or args.out.suffix:
        raise ValueError('a batch (--engine, --num-workers) writes a folder: give it as --out FOLDER')
    if method in TEXTS:
        raise ValueError(f'a batch reads images and clips, and {method} reads texts')
    if args.format not in FORMATS:
        raise ValueError(f'--format is {" or ".join(map(repr, FORMATS))}, not {args.format!r}')
    if args.segment is not None:
        raise ValueError('a batch has one result for each sample, so --segment does not go with it')
    clips = {key: value for key in ('start', 'end') if (value := getattr(args, key)) is not None}
    model = {'model': args.model, 'config': args.config, 'device': args.device, 'dtype': args.dtype, 'workers': args.workers}
    if args.processes:
        model['processes'] = True
    job = Job(str(args.out.absolute()), model, method, texts, {'batch_size': args.batch_size, **clips}, args.format)
    parts = parts_of(args.paths)
    left = prepare(job, parts)
    print(f'{len(parts) - len(left)} of {len(parts)} parts are done', file=sys.stderr)
    samples = bad = 0
    for number, report in enumerate(run_parts(job.start, left, args.engine or 'processes', args.num_workers or 1), start=1):
        samples, bad = samples + report.samples, bad + report.bad
        print(
            f'{report.part}: {report.samples} samples, {report.bad} bad; {number} of {len(left)}', file=sys.stderr, flush=True
        )
    print(f'{samples} samples, {bad} bad, in {args.out}', file=sys.stderr)
    return 1 if bad else 0


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
