"""Small pictures and clips whose frames say which they are."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from PIL import Image


def write_image(path: Path, side: int = 32, value: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side, 3), value, np.uint8)).save(path)
    return path


def write_video(path: Path, frames: int = 30, side: int = 64, gop: int = 8, title: str = '') -> Path:
    """H.264; frame n has the grey value 8 n."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w', options={'movflags': 'faststart'}) as container:
        container.metadata['title'] = title
        stream = container.add_stream('libx264', rate=10)
        stream.width = stream.height = side
        stream.pix_fmt = 'yuv420p'
        stream.options = {'g': str(gop), 'crf': '10'}
        for number in range(frames):
            pixels = np.full((side, side, 3), min(255, 8 * number), np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format='rgb24')):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def frame_numbers(frames: np.ndarray) -> list[int]:
    """Which frames of `write_video` these are."""
    return [round(float(frame.mean()) / 8) for frame in frames]
