"""``mplug2 bench inference``: what reading files costs beside generating."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from .. import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('paths', nargs='+', metavar='PATH', help='images or clips, or folders of them')
    parser.add_argument('--repeat', type=int, default=3, metavar='N', help='runs of which the median is taken (default: 3)')
    inference.add_model(parser)
    inference.add_workers(parser)


def run(args: argparse.Namespace) -> None:
    import time

    import torch

    from ...apis.inputs import as_media
    from ...datasets.collate import multimodal_collate
    from ...networks import Features
    from .measure import describe_run, seconds

    model = inference.load(args)
    files = inference.files(args.paths)
    name, task = next((name, task) for name, task in model.model.tasks.items() if 'caption' in task.methods)
    shapes: dict[torch.Size, list[dict]] = {}
    for file in files:
        packed = model.pipeline(name, as_media(file), {}).packed
        shapes.setdefault(packed['inputs']['frames'].shape, []).append(packed)
    chunks = [
        same[start : start + args.batch_size] for same in shapes.values() for start in range(0, len(same), args.batch_size)
    ]

    @torch.inference_mode()
    def bare() -> None:
        for chunk in chunks:
            with torch.autocast(model.device.type, model.dtype, enabled=model.dtype is not torch.float32):
                batch = model.model.data_preprocessor(multimodal_collate(chunk))['inputs']
                features = Features(model.model.network, batch)
                task.hypotheses(features)

    def whole() -> None:
        for _ in model.caption(files, batch_size=args.batch_size):
            pass

    busy: dict[str, list[float]] = {}  # CPU seconds of the thread that computes

    def timed(name: str, call: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            start = time.thread_time()
            call()
            busy.setdefault(name, []).append(time.thread_time() - start)

        return run

    times = seconds({name: timed(name, call) for name, call in (('bare', bare), ('caption', whole))}, args.repeat)
    print(describe_run())
    workers = f'{args.workers} {"processes" if args.processes else "threads"}'
    print(f'{model.name}, {len(files)} files, batches of {args.batch_size}, {workers}; median of {args.repeat}')
    for which, what in (('bare', 'generate on batches that are read'), ('caption', 'Inferencer.caption on the files')):
        print(f'  {which:<8}{times[which]:9.3f} s  {len(files) / times[which]:8.2f} files/s   {what}')
    print(f'  caption reaches {times["bare"] / times["caption"]:.0%} of bare generation')
    if model.device.type == 'cpu':  # on which other processes take turns
        share = min(busy['bare'][1:]) / min(busy['caption'][1:])
        print(f"  of the computing thread's CPU time, {share:.0%} is bare generation; the rest of caption is hidden or waits")
