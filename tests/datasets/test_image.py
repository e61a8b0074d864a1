"""One rule each for images that are not 8-bit RGB."""

import contextlib
import io
import random
import warnings

import numpy as np
import pytest
from PIL import Image

from mplug2.datasets import BadSampleError
from mplug2.datasets.io import image as image_module
from mplug2.datasets.io.image import read_image
from mplug2.datasets.shards.writing import check_image
from mplug2.datasets.transforms import LoadImage

QUARTERS = np.zeros((40, 60, 3), np.uint8)
QUARTERS[:20, :30], QUARTERS[:20, 30:], QUARTERS[20:, :30] = 255, 128, (255, 0, 0)


def encoded(image: Image.Image, kind: str = 'PNG', **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def drawing(mode: str) -> Image.Image:
    """A black square in the middle of a transparent black ground; above it a half transparent stripe."""
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[10:30, 10:30, 3] = 255
    pixels[:5, :, 3] = 128
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize('mode', ['RGBA', 'LA', 'PA'])
def test_what_is_transparent_shows_white(mode):
    kind = 'TIFF' if mode == 'PA' else 'PNG'
    pixels = read_image('a', encoded(drawing(mode).convert('RGBA') if mode == 'PA' else drawing(mode), kind))
    assert pixels[20, 20].tolist() == [0, 0, 0]
    assert pixels[35, 35].tolist() == [255, 255, 255]
    assert pixels[2, 20].tolist() == [127, 127, 127]


def test_a_transparent_colour_of_a_palette_shows_white():
    image = Image.fromarray(QUARTERS).convert('P', palette=Image.Palette.ADAPTIVE)
    red = image.getpixel((5, 35))
    for kind in ('PNG', 'GIF'):
        assert read_image('a', encoded(image, kind, transparency=red))[35, 5].tolist() == [255, 255, 255]
        assert read_image('a', encoded(image, kind))[35, 5].tolist() == [255, 0, 0]


def test_sixteen_bits_of_grey_are_scaled():
    grey = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    for kind in ('PNG', 'TIFF', 'PPM'):
        pixels = read_image('a', encoded(Image.fromarray(grey), kind))
        assert np.array_equal(pixels[..., 0], np.arange(256).reshape(16, 16))
    with pytest.raises(BadSampleError, match=r'a: .*floating-point numbers'):
        read_image('a', encoded(Image.fromarray(np.zeros((4, 4), np.float32)), 'TIFF'))


@pytest.mark.parametrize('orientation', range(1, 9))
def test_the_orientation_in_exif_is_applied(orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    content = encoded(Image.fromarray(QUARTERS), 'PNG', exif=exif)
    upright = {
        1: QUARTERS,
        2: QUARTERS[:, ::-1],
        3: QUARTERS[::-1, ::-1],
        4: QUARTERS[::-1],
        5: QUARTERS.transpose(1, 0, 2),
        6: np.rot90(QUARTERS, -1),
        7: QUARTERS[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(QUARTERS),
    }[orientation]
    assert np.array_equal(read_image('a', content), upright)
    stored = LoadImage(orient=False).transform(dict(path='a', content=content))['frames'][0]
    assert np.array_equal(stored, QUARTERS), 'as benchmarks do that read by Pillow alone'


def test_damaged_exif_leaves_the_pixels_as_stored():
    content = encoded(Image.fromarray(QUARTERS), 'JPEG', exif=b'Exif\0\0XX\0\x2a\0\0\0\x08\0\xff', quality=95)
    assert read_image('a', content).shape == QUARTERS.shape


def test_shards_store_what_is_read():
    exif = Image.Exif()
    exif[0x112] = 6
    suffix, content = check_image('a', encoded(Image.fromarray(QUARTERS).resize((960, 640)), 'JPEG', exif=exif), 64)
    assert (suffix, read_image('a', content).shape) == ('jpg', (96, 64, 3))
    pixels = read_image('a', check_image('a', encoded(drawing('RGBA')), 20)[1])
    assert (pixels[10, 10].max(), pixels[18, 18].min()) < (16, 240)
    assert pixels[18, 18].min() > 240
    grey = Image.fromarray(np.full((40, 40), 32768, np.uint16))
    assert abs(int(read_image('a', check_image('a', encoded(grey), 20)[1]).mean()) - 128) < 2


@pytest.mark.parametrize('kind', ['CMYK', 'YCbCr', 'LAB', 'L', '1', 'P'])
def test_other_kinds_are_converted(kind):
    image = Image.fromarray(QUARTERS).convert('RGB' if kind == 'LAB' else kind)
    image = image.convert('LAB') if kind == 'LAB' else image
    packed = dict(compression='tiff_lzw') if kind == 'YCbCr' else {}  # Pillow 12.3 cannot read its own plain ones
    pixels = read_image('a', encoded(image, 'TIFF', **packed))
    assert pixels.shape == QUARTERS.shape
    assert pixels[5, 5].min() > 250
    assert pixels[35, 55].max() < 5


def test_an_image_of_too_many_pixels_is_not_decoded():
    content = encoded(Image.fromarray(QUARTERS))
    with pytest.raises(BadSampleError, match='a: 60 x 40 pixels, and 2399 in all are allowed'):
        read_image('a', content, max_pixels=60 * 40 - 1)
    with pytest.raises(BadSampleError, match='no image, or a damaged one'):
        check_image('a', content, max_pixels=60 * 40 - 1)
    with pytest.raises(BadSampleError, match='2399 in all'):
        LoadImage(max_pixels=60 * 40 - 1)(dict(path='a', content=content))


@pytest.mark.parametrize('error', [RecursionError, MemoryError, KeyError, Image.DecompressionBombError])
def test_whatever_a_decoder_raises_is_a_bad_sample(monkeypatch, error):
    def broken(image, orient):
        raise error('what it says')

    monkeypatch.setattr(image_module, 'to_rgb', broken)
    with pytest.raises(BadSampleError, match=r'a: truncated or no image .*what it says'):
        read_image('a', encoded(Image.fromarray(QUARTERS)))


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'GIF', 'WEBP', 'AVIF', 'BMP', 'TGA', 'JPEG2000'])
def test_damaged_images_are_bad_samples_or_read(kind):
    draw = random.Random(0)
    content = encoded(Image.fromarray(QUARTERS), kind)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for _ in range(60):
            damaged = bytearray(content[: draw.randrange(1, len(content) + 1)])
            damaged[draw.randrange(min(len(damaged), 300))] = draw.randrange(256)
            with contextlib.suppress(BadSampleError):
                assert read_image('a', bytes(damaged)).dtype == np.uint8


@pytest.mark.parametrize('name', ['a\0b.jpg', 'a\ud800.jpg', 'a' * 300 + '.jpg'])
def test_a_name_that_cannot_be_is_a_bad_sample(name):
    with pytest.raises(BadSampleError, match='no such file'):
        read_image(name)
