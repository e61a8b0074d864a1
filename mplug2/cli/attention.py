"""``mplug2 attention``."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('paths', nargs='+', metavar='PATH', help='images, clips, or folders of them')
    parser.add_argument('--text', help='caption, question or phrase; without it the caption that the model writes')
    parser.add_argument('--method', choices=['match', 'answer', 'ground', 'caption'], help='what is asked (default match)')
    parser.add_argument('--part', choices=['fusion', 'decoder', 'queries'], help='whose attention is shown')
    parser.add_argument('--kind', choices=['grad_cam', 'attention'], default='grad_cam')
    parser.add_argument('--layer', type=int, metavar='N', help='of the part, from 0; negative ones from its end')
    parser.add_argument('--out', type=Path, metavar='DIR', help='draw the maps here, one image for each input')
    inference.add_model(parser)
    inference.add_clips(parser)


def run(args: argparse.Namespace) -> int:
    with redirect_stdout(sys.stderr):
        from ..visualization.attention import draw_attention

        model = inference.load(args)
    names = ('method', 'part', 'kind', 'layer', 'start', 'end', 'segment', 'batch_size')
    options = {name: getattr(args, name) for name in names}
    drawn: dict[str, int] = {}
    failed = 0
    for result in model.attention(inference.files(args.paths), args.text, **options):
        content = result.to_dict()
        if result.error is not None:
            failed += 1
            print(result.error, file=sys.stderr)
        else:
            maps = result.attention
            content['peaks'] = [
                dict(name=name, frame=frame, x=round(x, 3), y=round(y, 3))
                for name, (frame, x, y) in zip(maps.names, maps.peaks(), strict=True)
            ]
            if args.out:
                stem = Path(result.source).stem
                drawn[stem] = drawn.get(stem, 0) + 1  # files of several folders may share a name
                name = f'{stem}.jpg' if drawn[stem] == 1 else f'{stem}_{drawn[stem]}.jpg'
                seen = model.frames(result.source, *(result.times or ()))
                content['image'] = str(draw_attention(seen.frames, maps.names, maps.maps, args.out / name, seen.times))
        print(json.dumps(content), flush=True)
    return 1 if failed else 0
