"""Small images and clips whose frames say which they are."""

from __future__ import annotations

import struct
from fractions import Fraction
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


_BITS = 8


def write_numbered(
    path: Path,
    frames: int = 90,
    gop: int = 12,
    codec: str = 'libx264',
    pixel_format: str = 'yuv420p',
    options: dict[str, str] | None = None,
    times: list[int] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Frame n shows n in 2 x 4 black or white blocks (`read_numbers`); times: of the frames, in 1/100 s."""
    with av.open(str(path), 'w', options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options={'g': str(gop)} | (options or {}))
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixel_format
        if times:
            stream.codec_context.time_base = Fraction(1, 100)
        for number in range(frames):
            blocks = np.array([number >> bit & 1 for bit in range(_BITS)], np.uint8).reshape(2, 4) * 255
            pixels = np.repeat(blocks.repeat(32, 0).repeat(24, 1)[:, :, None], 3, 2)
            frame = av.VideoFrame.from_ndarray(pixels, 'rgb24').reformat(format=pixel_format)
            if times:
                frame.pts, frame.time_base = times[number], Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read_numbers(frames: np.ndarray) -> list[int]:
    """Which frames of `write_numbered` these are."""
    centres = frames[:, 16::32, 12::24].mean(-1) > 127
    return [sum(int(bit) << place for place, bit in enumerate(centre.ravel())) for centre in centres]


def copy_cut(source: Path, target: Path, start: int) -> Path:
    """What ``ffmpeg -ss START -c copy`` writes: packets from the key frame before frame `start` on, which gets the time 0.

    MP4 has an edit list then, which cuts off what is before.
    """
    with av.open(str(source)) as whole, av.open(str(target), 'w') as container:
        read = whole.streams.video[0]
        stream = container.add_stream_from_template(read)
        packets = [packet for packet in whole.demux(read) if packet.size]
        zero = sorted(packet.pts for packet in packets)[start]
        first = max(place for place, packet in enumerate(packets) if packet.is_keyframe and packet.pts <= zero)
        for packet in packets[first:]:
            packet.pts, packet.dts, packet.stream = packet.pts - zero, packet.dts - zero, stream
            container.mux(packet)
    return target


def turn(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Set the display matrix (a, b, c, d) of an MP4's track."""
    content = bytearray(path.read_bytes())
    place = content.find(b'tkhd') + 44
    a, b, c, d = (65536 * value & 0xFFFFFFFF for value in matrix)
    content[place : place + 36] = struct.pack('>9I', a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(content)
    return path


def frame_numbers(frames: np.ndarray) -> list[int]:
    """Which frames of `write_video` these are."""
    return [round(float(frame.mean()) / 8) for frame in frames]
