"""Images from files or bytes: one rule each for what is not 8-bit RGB."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image

from .bad_samples import BadSampleError
from .files import media_errors, source_of

MAX_PIXELS = 2**27  # 134 million, some 400 MB of memory: a larger one is taken for a decompression bomb

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(path: str, content: bytes | None = None, orient: bool = True, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """An image: (H, W, 3) uint8 RGB, as `to_rgb` makes it.

    Args:
        content: the file's bytes, where they are at hand; the path then only names it. orient: of `to_rgb`.
        max_pixels: of the image.

    Raises:
        BadSampleError: missing, empty, truncated, not an image, or of more pixels.
    """
    source = source_of(path, content)
    with media_errors(path, 'truncated or no image'), Image.open(source) as image:
        check_size(path, image, max_pixels)
        return np.asarray(to_rgb(image, orient))


def check_size(path: str, image: Image.Image, max_pixels: int = MAX_PIXELS) -> None:
    """Raise `BadSampleError` for an image of more pixels, before it is decoded."""
    if image.width * image.height > max_pixels:
        raise BadSampleError(f'{path}: {image.width} x {image.height} pixels, and {max_pixels} in all are allowed')


def to_rgb(image: Image.Image, orient: bool = True) -> Image.Image:
    """An image of any kind in 8-bit RGB.

    - What is transparent shows white, as on paper and as img2dataset stores it. Half transparent colours are mixed with it.
    - 16-bit grey is scaled: 65535 is white. Floating-point pixels have no agreed white and are refused.
    - The orientation in EXIF is applied, as viewers, OpenCV and mmdet do.
    - Palettes, CMYK, YCbCr and LAB are converted as Pillow does; of an animation the first frame is taken.

    Args:
        orient: False leaves the pixels as stored, as tools of benchmarks do that read by Pillow alone.

    Raises:
        ValueError: floating-point pixels.
    """
    image.load()
    turn = _TURNS.get(_orientation(image)) if orient else None
    if turn is not None:
        image = image.transpose(turn)
    if image.mode == 'F':
        raise ValueError('its pixels are floating-point numbers, of which no value is known to be white')
    if image.mode.startswith('I'):
        grey = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8)).convert('RGB')
    if image.has_transparency_data:
        image = image.convert('RGBA')
        return Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image).convert('RGB')
    return image.convert('RGB')


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation; 1, as stored, where it is missing or damaged: such images are whole otherwise."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # its parser raises errors of many kinds
        return 1
