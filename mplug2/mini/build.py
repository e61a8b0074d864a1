"""Builds the mini benchmark: draws scenes, renders images and clips on all cores, writes every annotation file."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ..utils.files import replace_file, replacing, write_text
from . import formats
from .language import clip_captions, image_captions
from .world import (
    CLASS_SIDE,
    CLIP_SIDE,
    FPS,
    IMAGE_SIDE,
    MOTIONS,
    SPLITS,
    Scene,
    render,
    render_clip,
    sample_scene,
)

VERSION = 5
MANIFEST = 'mini.json'
UNFINISHED = '.unfinished'  # exists while the benchmark is built
# Samples of each collection at scale 1: train, val, test.
COUNTS = {
    'coco': (8000, 300, 500),
    'msrvtt': (6000, 300, 500),
    'msvd': (1500, 100, 300),
    'imagenet': (4000, 500, 500),
    'text': (6000, 500, 500),
}
ONE_TO_THREE = {'coco': (0.45, 0.35, 0.2), 'msrvtt': (0.6, 0.3, 0.1), 'text': (0.3, 0.4, 0.3)}


def build(out: str | Path, seed: int = 0, workers: int = 2, scale: float = 1.0) -> Path:
    """Build the benchmark, unless the folder has it already with the same seed, scale and version.

    Args:
        out: the folder. seed: random seed. workers: processes that render. scale: share of the full number of samples.

    Returns:
        the folder.

    Raises:
        FileExistsError: the folder holds files of something else.
    """
    out = Path(out)
    settings = dict(version=VERSION, seed=seed, scale=scale)
    manifest = out / MANIFEST
    if manifest.exists() and {key: json.loads(manifest.read_text()).get(key) for key in settings} == settings:
        print(f'{out}: already built (seed {seed}, scale {scale:g})')
        return out
    start = time.perf_counter()
    unfinished = out / UNFINISHED
    if out.is_dir() and any(out.iterdir()):
        if not manifest.exists() and not unfinished.exists():
            raise FileExistsError(f'{out} holds files of something else: give the mini benchmark a folder of its own')
        for path in out.iterdir():  # not the folder itself, which may be a link
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    out.mkdir(parents=True, exist_ok=True)
    unfinished.touch()
    plan = {name: draw_scenes(name, seed, scale) for name in COUNTS}
    names = {name: formats.media_names(name, scenes) for name, scenes in plan.items() if name != 'text'}
    jobs = [(str(out / path), scene) for name in names for path, scene in zip(names[name], plan[name], strict=True)]
    for path in {Path(path).parent for path, _ in jobs}:
        path.mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context('spawn').Pool(workers, _single_thread) as pool:
        done = pool.imap_unordered(_render, jobs, chunksize=32)
        for _ in tqdm(done, total=len(jobs), desc='images and clips', unit='file', mininterval=0.5):
            pass
    for write in tqdm(formats.WRITERS, desc='annotations', unit='format'):
        write(out, plan, names, np.random.default_rng([seed, 99]))
    write_text(manifest, json.dumps({**settings, 'counts': {name: len(scenes) for name, scenes in plan.items()}}, indent=1))
    unfinished.unlink()
    print(f'{out}: {len(jobs)} images and clips in {time.perf_counter() - start:.0f} s')
    return out


def draw_scenes(name: str, seed: int, scale: float) -> list[Scene]:
    """The scenes of a collection, train first. Within val and within test, no two scenes have the same plain caption."""
    scenes: list[Scene] = []
    for part, (split, count) in enumerate(zip(SPLITS, COUNTS[name], strict=True)):
        rng = np.random.default_rng([seed, list(COUNTS).index(name), part])
        captions: set[str] = set()
        count = max(10, round(count * scale))
        while count:
            scene = _draw(name, rng, split, len(scenes))
            if split != 'train' and name in ('coco', 'msrvtt'):
                text = _plain(name, scene)
                if text in captions:
                    continue
                captions.add(text)
            scenes.append(scene)
            count -= 1
    return scenes


def _draw(name: str, rng: np.random.Generator, split: str, index: int) -> Scene:
    if name == 'imagenet':
        return sample_scene(rng, split, (1.0,), digit=index % 10, large_only=True)
    if name == 'msvd':
        return sample_scene(rng, split, (1.0,), MOTIONS)
    return sample_scene(rng, split, ONE_TO_THREE[name], MOTIONS if name == 'msrvtt' else ('stays still',))


def _plain(name: str, scene: Scene) -> str:
    captions = image_captions if name == 'coco' else clip_captions
    return captions(scene, np.random.default_rng(0))[0]


def _single_thread() -> None:
    cv2.setNumThreads(1)


def _render(job: tuple[str, Scene]) -> None:
    path, scene = job
    if path.endswith('.mp4'):
        write_clip(path, render_clip(scene, CLIP_SIDE))
        return
    side = CLASS_SIDE if 'imagenet' in Path(path).parts[-4:] else IMAGE_SIDE
    pixels = cv2.cvtColor(render(scene, side), cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    replace_file(Path(path), lambda file: file.write(encoded.tobytes()))


def write_clip(path: str | Path, frames: np.ndarray, fps: int = FPS) -> None:
    """Encode frames (T, H, W, 3) uint8 as H.264 with a key frame every 5, with the options that decode fastest."""
    import av

    options = {'crf': '20', 'g': '5', 'bf': '0', 'preset': 'veryfast', 'tune': 'fastdecode', 'threads': '1'}
    # With mbtree on, libx264 encodes the same frames differently about once in a hundred times.
    options['x264-params'] = 'mbtree=0'
    with replacing(Path(path)) as temporary, av.open(str(temporary), 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=fps, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = 'yuv420p'
        for frame in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
