"""Converts TGIF's animated GIFs, which are slow to decode and seek in, to clips.

    python tools/data/tgif.py data/tgif_qa/gifs data/tgif_qa/videos --workers 8

Continues where it stopped; GIFs that cannot be read are named at the end.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from fractions import Fraction
from functools import partial
from pathlib import Path

from mplug2.datasets.io.files import find_media
from mplug2.utils.files import replacing, sweep_temporary


def convert(source: Path, folder: Path) -> str | None:
    """Write ``folder/NAME.mp4``, H.264 with even sides. Returns what is wrong with the GIF, or None."""
    import av

    target = folder / f'{source.stem}.mp4'
    if target.is_file():
        return None
    try:
        with replacing(target) as part, av.open(str(source)) as gif, av.open(str(part), 'w', format='mp4') as clip:
            video = gif.streams.video[0]
            rate = video.average_rate or 10
            stream = clip.add_stream('libx264', rate=rate, options={'crf': '20', 'g': '12'})
            stream.width, stream.height = video.width // 2 * 2, video.height // 2 * 2
            stream.pix_fmt = 'yuv420p'
            stream.codec_context.time_base = 1 / Fraction(rate)
            frames = 0
            for frame in gif.decode(video):
                # Frame n at time n of the output's own rate: a GIF's delays vary, and no frame must be dropped or doubled.
                frame = frame.reformat(stream.width, stream.height, 'yuv420p')
                frame.pts, frame.time_base = frames, stream.codec_context.time_base
                for packet in stream.encode(frame):
                    clip.mux(packet)
                frames += 1
            if not frames:
                raise ValueError('no frames')
            for packet in stream.encode():
                clip.mux(packet)
    except (av.FFmpegError, ValueError, IndexError) as error:
        return f'{source}: {str(error).splitlines()[0]}'
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('gifs', type=Path)
    parser.add_argument('out', type=Path)
    parser.add_argument('--workers', type=int, default=4)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sweep_temporary(args.out)
    files = [path for path in find_media(args.gifs, 'video') if path.suffix.lower() == '.gif']
    with multiprocessing.get_context('spawn').Pool(args.workers) as pool:
        wrong = [line for line in pool.imap_unordered(partial(convert, folder=args.out), files, chunksize=16) if line]
    print(f'{args.out}: {len(files) - len(wrong)} clips of {len(files)} GIFs', *wrong, sep='\n')
    sys.exit(bool(wrong))


if __name__ == '__main__':
    main()
