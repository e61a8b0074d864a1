"""Right frames of every codec, container, group of pictures, cut and rate, by every backend."""

import gc
import importlib.util
import random
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from mplug2.datasets import BadSampleError
from mplug2.datasets.io.clip import Clip
from mplug2.datasets.io.clip_part import Part
from mplug2.datasets.io.video import READERS, read_video

from .media import copy_cut, read_numbers, turn, write_numbered

BACKENDS = ['pyav', *(name for name in ('decord', 'torchcodec') if importlib.util.find_spec(name))]
B_FRAMES = {'bf': '3'}
OPEN = {'bf': '3', 'x264-params': 'open-gop=1:keyint=12:min-keyint=12:bframes=3:scenecut=0'}
X265 = {'x265-params': 'keyint=12:min-keyint=12:bframes=3:log-level=none'}  # its groups are open by default
HIDDEN = {'lag-in-frames': '16', 'auto-alt-ref': '1', 'quality': 'good'}
VARIED = np.cumsum([random.Random(number).choice([1, 2, 3, 10, 40]) for number in range(90)]).tolist()

CLIPS = {
    'closed.mp4': dict(options=B_FRAMES),
    'fragments.mp4': dict(options=B_FRAMES, container_options={'movflags': 'frag_keyframe+empty_moov'}),
    'closed.mkv': dict(options=B_FRAMES),
    'closed.flv': dict(options=B_FRAMES),
    'varied.mp4': dict(options=B_FRAMES, times=VARIED),
    'varied.webm': dict(codec='libvpx-vp9', options={'cpu-used': '8', 'deadline': 'realtime'}, times=VARIED),
    'open.mp4': dict(options=OPEN),
    'open.mkv': dict(options=OPEN),
    'open.ts': dict(options=OPEN),
    'refresh.mp4': dict(gop=24, options={'bf': '0', 'x264-params': 'intra-refresh=1:keyint=24'}),
    'hevc.mp4': dict(codec='libx265', options=X265),
    'hevc.mkv': dict(codec='libx265', options=X265),
    'part2.mp4': dict(codec='mpeg4', options={'bf': '2'}),
    'part2.avi': dict(codec='mpeg4', options={'bf': '2'}),
    'part2.mkv': dict(codec='mpeg4', options={'bf': '2'}),
    'mpeg2.mpg': dict(codec='mpeg2video', options={'bf': '2'}),
    'mpeg2.ts': dict(codec='mpeg2video', options={'bf': '2'}),
    'wmv.wmv': dict(codec='wmv2'),
    'motion.avi': dict(codec='mjpeg', pixel_format='yuvj420p'),
    'hidden.webm': dict(codec='libvpx', options=HIDDEN),
    'av1.mp4': dict(codec='libsvtav1', gop=24, options={'preset': '10', 'crf': '20'}),
    'av1.webm': dict(codec='libsvtav1', gop=24, options={'preset': '10', 'crf': '20'}),
}


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """Makes a clip of `CLIPS` once."""
    folder = tmp_path_factory.mktemp('clips')

    def make(name):
        path = folder / name
        return path if path.exists() else write_numbered(path, **CLIPS[name])

    return make


def assert_frames(path, numbers, backend):
    """Each frame asked for alone, some together, and all."""
    everything = list(range(len(numbers)))
    for wanted in ([0], [5], [len(numbers) // 2], [len(numbers) - 1], [3, 40, 41, len(numbers) - 2], [50, 2, 2], everything):
        lengths = []

        def choose(length, wanted=wanted, lengths=lengths):
            lengths.append(length)
            return wanted

        frames = read_video(path, choose, backend)
        assert read_numbers(frames) == [numbers[frame] for frame in wanted]
        assert set(lengths) == {len(numbers)}


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('name', CLIPS)
def test_frames_are_those_that_were_written(clips, name, backend):
    assert_frames(clips(name), list(range(90)), backend)


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('name', ['closed.mp4', 'open.mp4', 'hevc.mp4', 'part2.mp4'])
@pytest.mark.parametrize('start', [20, 24])
def test_frames_that_an_edit_list_cuts_off_do_not_count(clips, tmp_path, name, start, backend):
    cut = copy_cut(clips(name), tmp_path / 'cut.mp4', start)
    assert_frames(cut, list(range(start, 90)), backend)


@pytest.mark.parametrize('name', ['open.mkv', 'open.ts', 'hevc.mkv'])
def test_a_clip_that_starts_in_the_middle_begins_with_its_first_whole_frame(clips, tmp_path, name):
    """The frames before an open group's key frame lack those that they were predicted from."""
    source = clips(name)
    key = Clip(str(source)).index.times.index(Clip(str(source)).index.keys[2])
    cut = copy_cut(source, tmp_path / f'cut{source.suffix}', key)
    assert_frames(cut, list(range(key, 90)), 'pyav')


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize(
    ('matrix', 'upright'),
    [
        ((1, 0, 0, 1), lambda pixels: pixels),
        ((0, 1, -1, 0), lambda pixels: np.rot90(pixels, -1)),  # a phone's portrait clip: a quarter clockwise
        ((-1, 0, 0, -1), lambda pixels: np.rot90(pixels, 2)),
        ((0, -1, 1, 0), lambda pixels: np.rot90(pixels, 1)),
        ((-1, 0, 0, 1), lambda pixels: pixels[:, ::-1]),
        ((1, 0, 0, -1), lambda pixels: pixels[::-1]),
        ((0, 1, 1, 0), lambda pixels: pixels.transpose(1, 0, 2)),
    ],
)
def test_turned_and_mirrored_clips_are_upright(clips, tmp_path, backend, matrix, upright):
    path = tmp_path / 'turned.mp4'
    path.write_bytes(clips('closed.mp4').read_bytes())
    stored = read_video(path, lambda length: [11])[0]
    turned = read_video(turn(path, matrix), lambda length: [11], backend)[0]
    assert np.array_equal(turned, upright(stored))


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('name', ['varied.mp4', 'varied.webm', 'closed.mp4', 'part2.avi'])
def test_a_part_begins_and_ends_when_its_frames_are_shown(clips, name, backend):
    """Not where an average rate would have them: phones and screen recorders vary it."""
    times = [time / 100 - VARIED[0] / 100 for time in VARIED] if 'varied' in name else [frame / 25 for frame in range(90)]
    for first, last in ((0, 90), (7, 20), (61, 88)):
        part = Part(lambda length: list(range(length)), times[first], times[last] if last < 90 else None)
        assert read_numbers(read_video(clips(name), part, backend)) == list(range(first, last))
    with pytest.raises(BadSampleError, match=f'no frames from {times[-1] + 9}'):
        read_video(clips(name), Part(lambda length: [0], times[-1] + 9), backend)
    between = (times[30] + 0.9 * (times[31] - times[30]), times[31] + 0.1 * (times[32] - times[31]))
    assert read_numbers(read_video(clips(name), Part(lambda length: list(range(length)), *between), backend)) == [31]


def test_frames_are_freed_at_once(tmp_path):
    """No cycle keeps decoded frames until Python's collector runs, which over a long film is seldom."""
    path = str(turn(write_numbered(tmp_path / 'a.mp4', frames=12), (0, 1, -1, 0)))
    read_video(path, lambda length: [3])  # what is imported and cached stays
    gc.collect()
    gc.disable()
    try:
        read_video(path, lambda length: [3, 7, 11])
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_only_what_is_needed_is_decoded(tmp_path, monkeypatch):
    path = write_numbered(tmp_path / 'long.mp4', frames=250, gop=50)
    monkeypatch.setattr(Clip, '_count_frames', None)
    clip, decoded = Clip(str(path)), []
    monkeypatch.setattr('mplug2.datasets.io.clip._decode', lambda packets: _noted(packets, decoded))
    assert read_numbers(clip.read([10, 205])) == [10, 205]
    assert len(decoded) < 60


def _noted(packets, decoded):
    for packet in packets:
        decoded.append(packet)
        yield from packet.decode()


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('share', [0.3, 0.6, 0.95])
def test_a_part_that_is_missing_is_named(tmp_path, backend, share):
    path = write_numbered(tmp_path / 'cut.mp4', container_options={'movflags': 'faststart'})
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for source in (None, path.read_bytes()):
        with pytest.raises(BadSampleError, match=r'cut\.mp4: .*truncated'):
            read_video(path, lambda length: [length - 1], backend, source)


def test_a_clip_may_lie_under_another_ending(tmp_path):
    (write_numbered(tmp_path / 'a.mkv')).rename(tmp_path / 'a.MKV')
    assert read_numbers(read_video(tmp_path / 'a.mp4', lambda length: [7])) == [7]


@pytest.mark.parametrize('name', ['a\0b.mp4', 'a\ud800.mp4', 'a' * 300 + '.mp4'])
def test_a_name_that_cannot_be_is_a_bad_sample(name):
    for backend in READERS:
        with pytest.raises(BadSampleError, match='no such'):
            read_video(name, lambda length: [0], backend)


def test_torchcodec_gets_paths_and_frames(clips, monkeypatch):
    class VideoDecoder:
        def __init__(self, source, dimension_order, num_ffmpeg_threads, seek_mode):
            assert (source, dimension_order, seek_mode) == (str(clips('closed.mp4')), 'NHWC', 'exact')

        def __len__(self):
            return 90

        def get_frames_at(self, indices):
            return SimpleNamespace(data=torch.tensor(indices)[:, None, None, None].expand(-1, 64, 96, 3))

    monkeypatch.setitem(sys.modules, 'torchcodec', ModuleType('torchcodec'))
    decoders = ModuleType('torchcodec.decoders')
    decoders.VideoDecoder = VideoDecoder
    monkeypatch.setitem(sys.modules, 'torchcodec.decoders', decoders)
    assert read_video(clips('closed.mp4'), lambda length: [4, length - 1], 'torchcodec')[:, 0, 0, 0].tolist() == [4, 89]
    assert read_numbers(read_video(clips('open.mp4'), lambda length: [4, 80], 'torchcodec')) == [4, 80], 'by PyAV'


def test_without_torchcodec_an_error_says_what_to_install(clips, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torchcodec.decoders', None)
    with pytest.raises(ImportError, match=r"'torchcodec' needs .* FFmpeg's shared libraries"):
        read_video(clips('closed.mp4'), lambda length: [0], 'torchcodec')
