"""Which frames a clip shows, and when: read off its packets, without decoding them."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .bad_samples import BadSampleError

# Containers that store the time at which each frame is shown. AVI, MPEG-PS, WMV and others do not, or not of all frames.
_TIMED = {'mov', 'matroska', 'flv', 'mpegts'}


class VideoIndex(NamedTuple):
    """The frames of a clip.

    Attributes:
        times: of the frames that are shown, in order, in units of the stream; empty where the clip does not say.
        length: number of frames. keys: times at which decoding can start, in order. places: time -> place of its packet
            in the file. plain: the frames begin at time 0, none is cut by an edit list, and decoding starts
            anew at each key frame: no group of pictures is open.
        codec: FFmpeg's name. sides: width and height, in pixels. fps: frames a second, on average; 0 if it
            does not say. time_base: seconds of a unit.
    """

    times: list[int]
    length: int
    keys: list[int]
    places: dict[int, int]
    plain: bool
    codec: str
    sides: tuple[int, int]
    fps: float
    time_base: float


def index_packets(container: Any, path: str, size: int | None = None) -> VideoIndex:
    """Read the packets of an open container.

    Packets that an edit list cuts off, hidden frames of VP8, and frames before the first key frame give no image: they do not
    count.

    Args:
        container: PyAV's, at its start; it is at its end afterwards. size: bytes of the file, if they are in memory.

    Raises:
        BadSampleError: a part of the file is missing.
    """
    stream = container.streams.video[0]
    codec = stream.codec_context.name
    packets, whole = [], True
    for packet in container.demux(stream):
        if packet.size:
            packets.append((packet.pts, packet.is_keyframe, packet.is_discard, codec == 'vp8' and _is_hidden(packet)))
            if codec == 'h264' and packet.is_keyframe:
                whole = whole and _has_idr(bytes(packet))
    kind = container.format.name.split(',')[0]
    if kind == 'matroska' and packets and packets[0][0] is not None:
        while len(packets) > 1 and packets[1][0] is None:  # before the first key frame in time: before 0, which is not stored
            del packets[1]
            whole = False
    size = os.path.getsize(path) if size is None else size
    if kind == 'mov' and any(entry.pos + entry.size > size for entry in stream.index_entries):
        raise BadSampleError(f'{path}: its table lists frames behind its end, at byte {size}, so it is truncated or no video')
    times = [time for time, *_ in packets if time is not None]
    sides = stream.width, stream.height
    fps = float(stream.average_rate or stream.guessed_rate or stream.base_rate or 0)
    base = float(stream.time_base or 0)
    if kind not in _TIMED or len(times) < len(packets) or len(set(times)) < len(times):
        return VideoIndex([], stream.frames or len(packets), [], {}, False, codec, sides, fps, base)
    keys = [time for time, is_key, *_ in packets if is_key]
    first = keys[0] if keys else 0
    shown = sorted(time for time, _, is_cut, is_hidden in packets if not is_cut and not is_hidden and time >= first)
    key, closed = first, True
    for time, is_key, *_ in packets:
        key = time if is_key else key
        closed = closed and time >= key
    plain = closed and whole and bool(shown) and shown[0] == 0 and len(shown) == len(packets)
    places = {time: place for place, time in enumerate(times)}
    return VideoIndex(shown, len(shown), sorted(keys), places, plain, codec, sides, fps, base)


def _is_hidden(packet: Any) -> bool:
    """Bit 4 of a VP8 frame's first byte says whether it is shown (RFC 6386, section 9.1)."""
    return not memoryview(packet)[0] & 0x10


def _has_idr(content: bytes) -> bool:
    """Does an H.264 packet (units, each after its length in 4 bytes) hold a frame after which none needs earlier ones?"""
    place = 0
    while place + 5 <= len(content):
        if content[place + 4] & 31 == 5:  # type of the unit (ITU-T H.264, table 7-1)
            return True
        place += 4 + int.from_bytes(content[place : place + 4], 'big')
    return False
