"""Frames of every backend against those that the command ffmpeg shows, over a matrix of clips.

Codec x container x groups of pictures x rate x cut x turn:

    python -m experiments.video_matrix --out video_matrix.json

Clips of 90 frames are drawn with their numbers and encoded by PyAV; cut by ``ffmpeg -c copy`` at
a frame that is no key frame, at one that is, and at both ends; and turned in the container. A case holds if the length is right
and so is every frame, asked for alone, in some, and all together. The exit status is 1 if one does not hold.
tests/datasets/test_video.py has the cases that matter.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import av
import numpy as np

from mplug2.datasets.io.bad_samples import BadSampleError
from mplug2.datasets.io.video import read_video
from mplug2.utils.files import write_text
from tests.datasets.media import turn, write_numbered

LENGTH = 90
BACKENDS = ('pyav', *(name for name in ('decord', 'torchcodec') if importlib.util.find_spec(name)))
CLOSED = {'x264-params': 'scenecut=0', 'bf': '3'}
# Codec -> encoder, its containers, and name of its groups of pictures -> (their length, options).
CODECS = {
    'h264': (
        'libx264',
        ('mp4', 'mov', 'mkv', 'flv', 'ts', 'avi'),
        dict(
            closed=(12, CLOSED),
            open=(12, {'bf': '3', 'x264-params': 'open-gop=1:keyint=12:min-keyint=12:bframes=3:scenecut=0'}),
            intra=(1, {}),
            one=(250, {'bf': '3'}),
        ),
    ),
    'hevc': (
        'libx265',
        ('mp4', 'mkv', 'ts'),
        {
            name: (12, {'x265-params': f'keyint=12:min-keyint=12:bframes=3:open-gop={number}:log-level=none'})
            for number, name in enumerate(('closed', 'open'))
        },
    ),
    'mpeg4': ('mpeg4', ('mp4', 'mkv', 'avi'), dict(b_frames=(12, {'bf': '2'}), no_b_frames=(12, {}))),
    'mpeg2': ('mpeg2video', ('mpg', 'ts', 'mkv'), dict(b_frames=(12, {'bf': '2'}))),
    'vp8': ('libvpx', ('webm', 'mkv'), dict(hidden=(12, {'lag-in-frames': '16', 'auto-alt-ref': '1', 'quality': 'good'}))),
    'vp9': ('libvpx-vp9', ('webm', 'mp4'), dict(closed=(12, {'cpu-used': '8', 'deadline': 'realtime'}))),
    'av1': ('libsvtav1', ('mp4', 'webm'), dict(closed=(24, {'preset': '10', 'crf': '20'}))),
    'mjpeg': ('mjpeg', ('avi', 'mov', 'mkv'), dict(intra=(1, {}))),
}
VARIED = np.cumsum([random.Random(number).choice([2, 3, 10, 40]) for number in range(LENGTH)]).tolist()
TIMED = ('mp4', 'mov', 'mkv', 'webm')  # containers that keep varied times
CUTS = {'whole': (), 'start': ('-ss', 20), 'key': ('-ss', 24), 'both': ('-ss', 20, '-t', 40)}  # frames
TURNED = ('mp4', 'mov')


def shown(path: Path) -> np.ndarray | None:
    """What FFmpeg's command shows of a clip, in black and white, or None if it shows nothing."""
    try:
        with av.open(str(path)) as container:
            sides = container.streams.video[0].width, container.streams.video[0].height
    except (av.error.FFmpegError, IndexError):
        return None
    command = ['ffmpeg', '-v', 'error', '-i', path, '-fps_mode', 'passthrough', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-']
    pixels = subprocess.run(list(map(str, command)), capture_output=True).stdout
    width, height = sides[::-1] if path.stem.endswith('turned') else sides
    return small(np.frombuffer(pixels, np.uint8).reshape(-1, height, width, 3)) if pixels else None


def small(frames: np.ndarray) -> np.ndarray:
    """Centres of the blocks of `write_numbered`, turned or not, in black and white."""
    return frames[:, 4::8, 4::8, 0] > 127


def clips(folder: Path, only: list[str]) -> Iterator[Path]:
    for codec, (encoder, containers, groups) in CODECS.items():
        for container, (group, (gop, options)), rate in product(containers, groups.items(), ('constant', 'varied')):
            name = f'{codec}_{group}_{rate}'
            if (rate == 'varied' and container not in TIMED) or not any(part in f'{name}.{container}' for part in only):
                continue
            source = folder / f'{name}.{container}'
            pixels = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
            times = VARIED if rate == 'varied' else None
            write_numbered(source, LENGTH, gop, encoder, pixels, options, times)
            for cut, words in CUTS.items():
                clip = source if cut == 'whole' else folder / f'{name}_{cut}.{container}'
                if words:
                    when = times or range(0, 4 * LENGTH, 4)
                    seconds = [str(when[word] / 100) if isinstance(word, int) else word for word in words]
                    command = ['ffmpeg', '-y', '-v', 'error', *seconds, '-i', str(source), '-c', 'copy', str(clip)]
                    subprocess.run(command, capture_output=True)
                turned = clip.with_stem(f'{clip.stem}_turned')
                if container in TURNED and rate == 'constant':
                    turned.write_bytes(clip.read_bytes())
                    yield turn(turned, (0, 1, -1, 0))
                yield clip


def differs(path: Path, backend: str, truth: np.ndarray) -> str:
    """How frames of a backend differ from what is right; '' if they do not."""
    draw = random.Random(0)
    length = len(truth)
    wanted = [[draw.randrange(length)] for _ in range(4)] + [sorted(draw.choices(range(length), k=8)), list(range(length))]
    for frames in wanted:
        lengths: list[int] = []

        def choose(count: int, frames: list[int] = frames, lengths: list[int] = lengths) -> list[int]:
            lengths.append(count)
            return [min(frame, count - 1) for frame in frames]

        try:
            images = small(read_video(path, choose, backend))
        except BadSampleError as error:
            return f'refused: {error}'.replace(str(path.parent), '')
        if lengths[-1] != length:
            return f'{lengths[-1]} frames of {length}'
        wrong = [frame for frame, image in zip(frames, images, strict=True) if not np.array_equal(image, truth[frame])]
        if wrong:
            return f'of {len(frames)} frames {len(wrong)} are others, such as {wrong[0]}'
    return ''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, help='write the cases here, as JSON')
    parser.add_argument(
        '--only', nargs='*', default=[''], help='clips whose name holds one of these, such as h264_open or .mkv'
    )
    args = parser.parse_args()
    cases, held = {}, Counter()
    with tempfile.TemporaryDirectory() as folder:
        for clip in clips(Path(folder), args.only):
            truth = shown(clip) if clip.exists() else None
            for backend in BACKENDS:
                what = 'FFmpeg shows nothing' if truth is None else differs(clip, backend, truth)
                cases[f'{clip.name} {backend}'] = what
                held[backend, not what or truth is None] += 1
                if what:
                    print(f'{clip.name:44} {backend:10} {what}', flush=True)
            if not clip.stem.endswith(('constant', 'varied')):
                clip.unlink(missing_ok=True)
    for backend in BACKENDS:
        print(f'{backend:10} {held[backend, True]} of {held[backend, True] + held[backend, False]} hold')
    if args.out:
        write_text(args.out, json.dumps(cases, indent=1))
    sys.exit(any(held[backend, False] for backend in BACKENDS))


if __name__ == '__main__':
    main()
