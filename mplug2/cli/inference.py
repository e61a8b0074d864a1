"""What the commands over `Inferencer` share: arguments, and one line of output for each result."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from ..utils.precision import DTYPES

COLUMNS = ('source', 'prompt', 'text', 'score', 'similarity', 'boxes', 'labels', 'scores', 'candidates', 'times', 'embedding')
COLUMNS += ('masks', 'error')


def add_common(parser: argparse.ArgumentParser, inputs: str = 'images, clips, or folders of them') -> None:
    """Arguments of every command; `inputs` says what its PATHs are."""
    parser.add_argument('paths', nargs='+', metavar='PATH', help=inputs)
    add_model(parser)
    add_workers(parser)
    add_show(parser)
    parser.add_argument('--out', type=Path, metavar='FILE', help='write results here, as .jsonl or .csv, in place of printing')


def add_texts(parser: argparse.ArgumentParser) -> None:
    """Arguments of commands over texts."""
    parser.add_argument('paths', nargs='+', metavar='PATH', help='files with a text a line')
    add_model(parser)
    parser.add_argument('--out', type=Path, metavar='FILE', help='write results here, as .jsonl or .csv, in place of printing')


def add_model(parser: argparse.ArgumentParser, default: str = 'the shipped one') -> None:
    """Arguments that say which model runs and how. `default`: what the help says of the model where none is named."""
    add_source(parser, default)
    add_running(parser)


def add_source(parser: argparse.ArgumentParser, default: str = 'the shipped one') -> None:
    """Arguments that say which model runs."""
    kinds = 'a shipped name, a model folder, a work directory, a checkpoint or a published file'
    parser.add_argument('--model', help=f'{kinds} (default: {default})')
    parser.add_argument('--config', help='config of weights that have none beside them')


def add_running(parser: argparse.ArgumentParser) -> None:
    """Arguments that say how a model runs."""
    parser.add_argument('--batch-size', type=int, default=8, metavar='N')
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Arguments that say what a model runs on."""
    parser.add_argument('--device', default='auto', help="'cpu', 'cuda', 'cuda:1'; the GPU if there is one")
    parser.add_argument(
        '--dtype', default='auto', choices=('auto', *DTYPES, 'int8'), help='by default bfloat16 where it is native'
    )


def add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--show', metavar='DIR', help='draw each image or clip with its result here')


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Arguments that say who decodes."""
    parser.add_argument('--workers', type=int, default=4, metavar='N', help='threads that decode ahead (default: 4)')
    parser.add_argument('--processes', action='store_true', help='decode in processes, for thousands of files on many cores')


def workers(args: argparse.Namespace) -> dict[str, Any]:
    """Who decodes, where that was asked."""
    return {key: getattr(args, key) for key in ('workers', 'processes') if hasattr(args, key)}


def load(args: argparse.Namespace, method: str = 'caption') -> Any:
    """The `Inferencer` that the arguments name, or else the shipped model with a method."""
    from ..apis import Inferencer
    from ..apis.execution import default_model

    return Inferencer(args.model or default_model(method), args.config, args.device, args.dtype, **workers(args))


def add_clips(parser: argparse.ArgumentParser) -> None:
    """Arguments of commands over clips."""
    parser.add_argument('--start', type=float, metavar='SECONDS', help='read clips from here')
    parser.add_argument('--end', type=float, metavar='SECONDS', help='read clips up to here')
    parser.add_argument('--segment', type=float, metavar='SECONDS', help='a result for each part of about this length')


def add_generation(parser: argparse.ArgumentParser) -> None:
    """Arguments of commands that write texts."""
    parser.add_argument('--n-best', type=int, default=1, metavar='N', help='also list the N best texts')
    parser.add_argument('--num-beams', type=int, help="the model's own if not given")
    parser.add_argument('--min-length', type=int, help='tokens')
    parser.add_argument('--max-length', type=int, help='tokens')
    parser.add_argument('--temperature', type=float, help='sample at this temperature')


def generation(args: argparse.Namespace) -> dict[str, Any]:
    """Settings that were given."""
    names = ('num_beams', 'min_length', 'max_length', 'temperature')
    return {'n_best': args.n_best} | {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def run(
    args: argparse.Namespace, method: str, *texts: Any, inputs: Iterable[Any] | None = None, model: Any = None, **options: Any
) -> int:
    """Run a method of `Inferencer` on the paths and write its results.

    Args:
        inputs: in place of the paths. model: in place of the one that the arguments name.

    Returns:
        exit status: 1 if an input failed.
    """
    if args.out and args.out.suffix not in ('.jsonl', '.csv'):
        raise ValueError(f'--out ends in .jsonl or .csv, not {args.out.name!r}')
    with redirect_stdout(sys.stderr):  # the output is results alone
        if inputs is None:
            inputs = files(args.paths)
        model = model or load(args, method)
    clips = {key: getattr(args, key) for key in ('start', 'end', 'segment') if hasattr(args, key)}
    if getattr(args, 'show', None):
        clips['out_dir'] = args.show
    progress = args.out is not None and sys.stderr.isatty()
    results = getattr(model, method)(inputs, *texts, batch_size=args.batch_size, progress=progress, **clips, **options)
    failed = 0

    def counted() -> Iterable[dict[str, Any]]:
        nonlocal failed
        for result in results:
            if result.error is not None:
                failed += 1
                print(result.error, file=sys.stderr)
            yield result.to_dict()

    if args.out is None:
        for content in counted():
            print(json.dumps(content), flush=True)
    else:
        from ..utils.files import replace_file

        writer = write_csv if args.out.suffix == '.csv' else write_jsonl
        replace_file(args.out, lambda file: writer(file.write, counted()))
    return 1 if failed else 0


def files(paths: Iterable[str]) -> list[str]:
    """Paths, with the images and clips of folders in their place."""
    from ..apis.inputs import files_of

    return [file for path in paths for file in (files_of(path) if Path(path).is_dir() else [path])]


def write_jsonl(write: Callable[[bytes], Any], contents: Iterable[dict[str, Any]]) -> None:
    for content in contents:
        write(f'{json.dumps(content)}\n'.encode())


def write_csv(write: Callable[[bytes], Any], contents: Iterable[dict[str, Any]]) -> None:
    """One row a result; lists are JSON within their cell."""
    line = io.StringIO()
    table = csv.DictWriter(line, COLUMNS, restval='')
    table.writeheader()
    for content in contents:
        cells = {key: json.dumps(value) if isinstance(value, (list, tuple)) else value for key, value in content.items()}
        table.writerow(cells)
        write(line.getvalue().encode())
        line.seek(0)
        line.truncate()
