"""Small images and clips whose frames say which they are."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from PIL import Image


def write_image(path: Path, side: int = 32, value: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side, 3), value, np.uint8)).save(path)
    return path


def write_video(
    path: Path, frames: int = 30, side: int = 64, gop: int = 8, title: str = '', step: int = 8, codec: str = 'libx264'
) -> Path:
    """Frame n has the grey value `step` n."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {'movflags': 'faststart'} if path.suffix == '.mp4' else {}
    with av.open(str(path), 'w', options=options) as container:
        container.metadata['title'] = title
        stream = container.add_stream(codec, rate=10)
        stream.width = stream.height = side
        stream.pix_fmt = 'yuv420p'
        stream.options = {'g': str(gop)} | ({'crf': '10'} if codec == 'libx264' else {})
        if codec != 'libx264':
            stream.bit_rate = 4_000_000
        for number in range(frames):
            pixels = np.full((side, side, 3), min(255, step * number), np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format='rgb24')):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def frame_numbers(frames: np.ndarray) -> list[int]:
    """Which frames of `write_video` these are."""
    return [round(float(frame.mean()) / 8) for frame in frames]
