"""Images from files or bytes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .bad_samples import BadSampleError
from .files import last_line, source_of

# What Pillow raises for broken files, for what it does not know of their formats, and for hundreds of millions of pixels.
IMAGE_ERRORS = (OSError, SyntaxError, ValueError, NotImplementedError, Image.DecompressionBombError)


def read_image(path: str, content: bytes | None = None) -> np.ndarray:
    """An image: (H, W, 3) uint8 RGB.

    Args:
        content: the file's bytes, where they are at hand; the path then only names it.

    Raises:
        BadSampleError: missing, empty, truncated or not an image.
    """
    source = source_of(path, content)
    try:
        with Image.open(source) as image:
            return np.asarray(image.convert('RGB'))
    except IMAGE_ERRORS as error:
        raise BadSampleError(f'{path}: truncated or no image ({last_line(error)})') from None
