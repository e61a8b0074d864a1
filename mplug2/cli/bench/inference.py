"""``mplug2 bench inference``: what reading files costs beside generating."""

from __future__ import annotations

import argparse

from .. import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('paths', nargs='+', metavar='PATH', help='images or clips, or folders of them')
    parser.add_argument('--workers', type=int, default=4, metavar='N', help='threads that decode (default: 4)')
    parser.add_argument('--repeat', type=int, default=3, metavar='N', help='runs of which the median is taken (default: 3)')
    inference.add_model(parser)


def run(args: argparse.Namespace) -> None:
    import torch

    from ...apis import Inferencer
    from ...apis.inputs import as_media
    from ...datasets.collate import multimodal_collate
    from ...networks import Features
    from .measure import describe_run, seconds

    model = Inferencer(args.model, args.config, args.device, args.dtype, args.workers)
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
                task.generator.hypotheses(features, task.memory(features))

    def whole() -> None:
        for _ in model.caption(files, batch_size=args.batch_size):
            pass

    times = seconds({'bare': bare, 'caption': whole}, args.repeat)
    print(describe_run())
    print(f'{args.model}, {len(files)} files, batches of {args.batch_size}, {args.workers} threads; median of {args.repeat}')
    for which, what in (('bare', 'generate on batches that are read'), ('caption', 'Inferencer.caption on the files')):
        print(f'  {which:<8}{times[which]:9.3f} s  {len(files) / times[which]:8.2f} files/s   {what}')
    print(f'  caption reaches {times["bare"] / times["caption"]:.0%} of bare generation')
