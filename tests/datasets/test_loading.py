import random

import numpy as np
import pytest

from mplug2.datasets import BadSampleError
from mplug2.datasets.io.image import read_image
from mplug2.datasets.io.video import READERS, read_video, sample_frames
from mplug2.datasets.transforms import LoadImage, LoadVideo

from .media import frame_numbers, write_image, write_video


@pytest.mark.parametrize(
    ('length', 'num_frames', 'expected'),
    [
        (8, 4, [0, 2, 4, 6]),  # intervals of two frames: (start + end - 1) // 2 is the first
        (12, 4, [1, 4, 7, 10]),
        (10, 4, [0, 3, 5, 8]),  # bounds 0 2 5 7 10
        (4, 4, [0, 1, 2, 3]),
        (2, 4, [0, 1, 1, 1]),
        (1, 3, [0, 0, 0]),
        (300, 1, [149]),
    ],
)
def test_test_frames_are_the_middles_of_equal_intervals(length, num_frames, expected):
    assert sample_frames(length, num_frames, test_mode=True) == expected


def test_training_frames_are_random_in_their_intervals():
    drawn = np.array([sample_frames(10, 4, test_mode=False) for _ in range(300)])
    for column, (start, end) in enumerate([(0, 2), (2, 5), (5, 7), (7, 10)]):
        assert set(drawn[:, column]) == set(range(start, end))
    assert sample_frames(2, 4, test_mode=False) == [0, 1, 1, 1]


def test_the_published_sampling_never_draws_an_interval_s_last_frame() -> None:
    drawn = np.array([sample_frames(10, 4, test_mode=False, sampling='published') for _ in range(300)])
    assert [sorted(set(column)) for column in drawn.T.tolist()] == [[0], [2, 3], [5], [7, 8]]
    assert sample_frames(2, 4, test_mode=False, sampling='published') == [0, 1, 1, 1]


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp('clips') / 'clip.mp4')


@pytest.mark.parametrize('backend', ['decord', 'pyav'])
@pytest.mark.parametrize('wanted', [[0], [29], [3, 11, 18, 26], [5, 6, 7, 7, 7], [7, 8, 15, 16]])
def test_readers_give_the_frames_asked_for(clip, backend, wanted):
    lengths = []
    frames = READERS[backend](str(clip), lambda length: lengths.append(length) or wanted)
    assert frames.dtype == np.uint8
    assert frames.shape == (len(wanted), 64, 64, 3)
    assert frame_numbers(frames) == wanted
    assert lengths == [30]
    assert np.array_equal(read_video(clip, lambda length: wanted, backend), frames)


def test_a_title_need_not_be_utf8(tmp_path):
    clip = write_video(tmp_path / 'clip.mp4', title='QQQQ')
    content = clip.read_bytes()
    assert content.count(b'QQQQ') == 1
    clip.write_bytes(content.replace(b'QQQQ', 'клип'.encode('cp1251')))
    assert frame_numbers(read_video(clip, lambda length: [0, 29], 'pyav')) == [0, 29]


def test_a_folder_of_images_is_read_in_the_order_of_its_numbers(tmp_path):
    for number in range(12):
        write_image(tmp_path / f'frame_{number}.png', value=8 * number)
    (tmp_path / 'notes.txt').write_text('no image')
    loaded = LoadVideo(num_frames=4, backend='frames').transform(dict(path=str(tmp_path), test_mode=True))
    assert frame_numbers(loaded['frames']) == [1, 4, 7, 10]


def test_test_mode_decides_and_training_draws_by_seed(clip):
    load = LoadVideo(num_frames=4)
    assert frame_numbers(load.transform(dict(path=str(clip), test_mode=True))['frames']) == [3, 10, 18, 25]
    random.seed(5)
    first = load.transform(dict(path=str(clip), test_mode=False))['frames']
    random.seed(5)
    assert np.array_equal(first, load.transform(dict(path=str(clip), test_mode=False))['frames'])


def test_images_are_clips_of_one_frame(tmp_path):
    frames = LoadImage().transform(dict(path=str(write_image(tmp_path / 'a.jpg', value=200))))['frames']
    assert frames.shape == (1, 32, 32, 3)
    assert frames.dtype == np.uint8
    assert abs(int(frames.mean()) - 200) < 2


def _truncate(path, share):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


@pytest.mark.parametrize('backend', ['decord', 'pyav'])
def test_faulty_videos_are_named(tmp_path, backend):
    read = READERS[backend]
    with pytest.raises(BadSampleError, match=r'missing\.mp4: no such file'):
        read(str(tmp_path / 'missing.mp4'), lambda length: [0])
    empty = tmp_path / 'empty.mp4'
    empty.touch()
    with pytest.raises(BadSampleError, match=r'empty\.mp4: the file is empty'):
        read(str(empty), lambda length: [0])
    for share in (0.1, 0.5, 0.8):
        cut = _truncate(write_video(tmp_path / 'cut.mp4'), share)
        with pytest.raises(BadSampleError, match=r'cut\.mp4: .* truncated or no video') as caught:
            read(str(cut), lambda length: [0, length // 2, length - 1])
        assert '\n' not in str(caught.value)
    text = tmp_path / 'text.mp4'
    text.write_text('not a video at all')
    with pytest.raises(BadSampleError, match=r'text\.mp4: .* truncated or no video'):
        read(str(text), lambda length: [0])


@pytest.mark.parametrize(
    ('name', 'codec'),
    [
        ('a.avi', 'libx264'),
        ('a.avi', 'mpeg4'),
        ('a.mpg', 'mpeg2video'),
        ('a.wmv', 'wmv2'),
        ('a.flv', 'libx264'),
        ('a.webm', 'libvpx'),
    ],
)
def test_frames_are_those_asked_for_in_every_container(tmp_path, name, codec):
    """Decord seeks by times of frames, which only some containers have. Clips of MSVD and LSMDC are AVI."""
    path = write_video(tmp_path / name, frames=90, step=2, codec=codec)
    for content in (None, path.read_bytes()):
        for read in (READERS['decord'], READERS['pyav']):
            frames = read(str(path), lambda length: [0, 10, 20, 60, length - 1], content)
            assert [round(frame.mean() / 2) for frame in frames] == [0, 10, 20, 60, 89]


def test_a_path_that_cannot_be_read_is_a_bad_sample(tmp_path):
    (tmp_path / 'a.mp4').mkdir()
    for read in (READERS['decord'], READERS['pyav']):
        with pytest.raises(BadSampleError, match=r'a\.mp4: .*cannot'):
            read(str(tmp_path / 'a.mp4'), lambda length: [0])


def test_frames_of_different_sizes_are_a_bad_sample(tmp_path):
    for number, side in enumerate((32, 48)):
        write_image(tmp_path / f'clip/{number}.jpg', side=side)
    with pytest.raises(BadSampleError, match=r'clip: its frames differ in size: 32 x 32 and 48 x 48 pixels'):
        READERS['frames'](str(tmp_path / 'clip'), lambda length: list(range(length)))


def test_a_truncated_avi_is_named_and_ends_no_process(tmp_path):
    content = write_video(tmp_path / 'whole.avi', frames=90).read_bytes()
    for share in (0.1, 0.3, 0.6):
        with pytest.raises(BadSampleError, match=r'a\.tar/cut\.avi: .*truncated'):
            READERS['decord']('a.tar/cut.avi', lambda length: [0, length - 1], content[: int(share * len(content))])


def test_faulty_images_are_named(tmp_path):
    with pytest.raises(BadSampleError, match=r'missing\.jpg: no such file'):
        read_image(str(tmp_path / 'missing.jpg'))
    empty = tmp_path / 'empty.jpg'
    empty.touch()
    with pytest.raises(BadSampleError, match=r'empty\.jpg: the file is empty \(0 bytes\)'):
        read_image(str(empty))
    cut = _truncate(write_image(tmp_path / 'cut.jpg', side=256), 0.6)
    with pytest.raises(BadSampleError, match=r'cut\.jpg: truncated'):
        read_image(str(cut))
    text = tmp_path / 'text.jpg'
    text.write_text('not an image at all')
    with pytest.raises(BadSampleError, match=r'text\.jpg: truncated or no image'):
        read_image(str(text))


def test_faulty_folders_are_named(tmp_path):
    with pytest.raises(BadSampleError, match='no such folder'):
        READERS['frames'](str(tmp_path / 'none'), lambda length: [0])
    with pytest.raises(BadSampleError, match='no frames'):
        READERS['frames'](str(tmp_path), lambda length: [0])
    with pytest.raises(ValueError, match="'pyav', 'decord', 'torchcodec', 'frames'"):
        LoadVideo(backend='other')
