"""``mplug2 bench loader --shards``: the cost of reading from shards, compared with decoding."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SHORT_SIDE, CLIP_FRAMES, PER_SHARD = 256, 90, 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--shards', action='store_true', help='measure JPEG and MP4 shards instead of a config')
    parser.add_argument('--images', type=int, default=1000, help='images in the shards (default 1,000)')
    parser.add_argument('--clips', type=int, default=100, help='clips in the shards (default 100)')
    parser.add_argument('--workers', type=int, nargs='+', default=[1, 2], help='worker processes (default: 1, then 2)')


def photographs(count: int, seed: int = 0) -> list[np.ndarray]:
    """Crops of real photographs, 256 pixels on the shorter side."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    scenes, generator, images = load_sample_images().images, np.random.default_rng(seed), []
    for _ in range(count):
        scene = scenes[generator.integers(len(scenes))]
        height, width = scene.shape[:2]
        tall = int(generator.integers(height // 2, height))
        wide = min(width, int(tall * generator.uniform(1, 1.5)))
        top, left = generator.integers(0, height - tall + 1), generator.integers(0, width - wide + 1)
        part = Image.fromarray(scene[top : top + tall, left : left + wide])
        scale = SHORT_SIDE / min(part.size)
        images.append(np.asarray(part.resize([round(side * scale) for side in part.size], Image.Resampling.LANCZOS)))
    return images


def jpeg(pixels: np.ndarray) -> bytes:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, 'JPEG', quality=90)
    return stream.getvalue()


def clip(pixels: np.ndarray, frames: int = CLIP_FRAMES) -> bytes:
    """H.264 clip of a window that moves over an image, 3 seconds, one key frame a second."""
    import io

    import av

    stream, side = io.BytesIO(), SHORT_SIDE - 32
    with av.open(stream, 'w', format='mp4') as container:
        video = container.add_stream('libx264', rate=30, options={'g': '30', 'crf': '23', 'preset': 'veryfast'})
        video.width = video.height = side
        video.pix_fmt = 'yuv420p'
        for number in range(frames):
            start = round(number * 31 / max(1, frames - 1))
            window = np.ascontiguousarray(pixels[start : start + side, start : start + side])
            container.mux(video.encode(av.VideoFrame.from_ndarray(window, format='rgb24')))
        container.mux(video.encode())
    return stream.getvalue()


def write(folder: Path, suffix: str, contents: list[bytes]) -> None:
    from ...datasets.shards.writing import ShardWriter

    folder.mkdir(parents=True)
    for first in range(0, len(contents), PER_SHARD):
        with ShardWriter(folder / f'{first // PER_SHARD:05d}.tar') as shard:
            for number, content in enumerate(contents[first : first + PER_SHARD], first):
                shard.add(f'{number:09d}', {suffix: content, 'txt': b'a photograph of something'})


def rate(call: Callable[[int], None], count: int) -> float:
    """Calls a second, after some of warm-up."""
    for number in range(min(20, count)):
        call(number)
    start = time.perf_counter()
    for number in range(count):
        call(number)
    return count / (time.perf_counter() - start)


def measure(folder: Path, media: str, load: dict, decode: Callable[[bytes], None], contents: list[bytes], workers: list[int]):
    """Rows (name, samples a second, samples a second of a worker)."""
    import torch
    from torch.utils.data import DataLoader

    from ...datasets import ResumableSampler, ShardedPairs, multimodal_collate
    from ...datasets.transforms import PackInputs, RandomResizedCrop

    crop = [RandomResizedCrop(224), PackInputs(fields=['captions'])]
    count = len(contents)
    rows = [('decoding alone, from memory', speed := rate(lambda number: decode(contents[number]), count), speed)]
    raw = ShardedPairs(str(folder), media=media)
    rows.append(('reading alone, from shards', speed := rate(lambda number: raw[number], count), speed))
    for what, pipeline in (('shards, decoded', [load]), ('shards, decoded, cropped, packed', [load, *crop])):
        dataset = ShardedPairs(str(folder), media=media, pipeline=pipeline)
        rows.append((what, speed := rate(lambda number, dataset=dataset: dataset[number], count), speed))
    threads = torch.get_num_threads()
    for number in workers:
        sampler = ResumableSampler(dataset, seed=0)
        size = min(16, count)
        loader = DataLoader(dataset, size, sampler=sampler, num_workers=number, collate_fn=multimodal_collate)
        batches = iter(loader)
        for _ in range(2 * number + 2):
            next(batches)
        taken = max(1, count // size) * number
        start = time.perf_counter()
        for _ in itertools.islice(batches, taken):
            pass
        speed = taken * size / (time.perf_counter() - start)
        rows.append((f'loader, {number} worker{"s" * (number > 1)}, batches of {size}', speed, speed / number))
        del batches
    torch.set_num_threads(threads)
    return rows


def run(args: argparse.Namespace) -> None:
    import tempfile

    from ...checkpoints.loading import table
    from ...datasets.io.image import read_image
    from ...datasets.io.video import read_video, sample_frames
    from ...datasets.transforms import LoadImage, LoadVideo
    from .measure import describe_run

    def frames(length: int) -> list[int]:
        return sample_frames(length, 4, test_mode=False)

    photos = photographs(min(200, max(args.images, args.clips)))
    images = [jpeg(photos[number % len(photos)]) for number in range(args.images)]
    few = [clip(photo) for photo in photos[: min(20, args.clips)]]
    clips = [few[number % len(few)] for number in range(args.clips)]
    print(describe_run())
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / 'jpeg', 'jpg', images)
        write(Path(folder) / 'mp4', 'mp4', clips)
        kinds = [
            ('jpeg', 'image', LoadImage(), lambda content: read_image('', content), images),
            *(
                ('mp4', 'video', LoadVideo(4, backend), lambda content, b=backend: read_video('', frames, b, content), clips)
                for backend in ('pyav', 'decord')
            ),
        ]
        for name, media, load, decode, contents in kinds:
            mean = sum(map(len, contents)) / len(contents) / 1000
            frames_text = '' if media == 'image' else f', 4 of {CLIP_FRAMES} frames by {load.backend}'
            print(f'\n{len(contents):,} {name.upper()}s of {mean:.0f} kB, {SHORT_SIDE} pixels{frames_text}')
            rows = measure(Path(folder) / name, media, load, decode, contents, args.workers)
            alone = rows[0][1]
            lines = [(what, f'{speed:,.0f}', f'{each:,.0f}', f'{each / alone:.0%}') for what, speed, each in rows]
            print(table([('', 'samples/s', 'a worker', 'of decoding alone'), *lines]))
