"""What a caller may give as images and clips, and how frames are read of it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from ..datasets.io.bad_samples import BadSampleError
from ..datasets.io.clip import Clip
from ..datasets.io.clip_part import Choose, Part, chosen
from ..datasets.io.image import read_image, to_rgb
from ..datasets.io.video import read_video, sample_frames
from ..utils.fetching import FetchLimitError, fetch_url

IMAGE_SUFFIXES = frozenset(['.jpg', '.jpeg', '.jfif', '.png', '.bmp', '.webp', '.tif', '.tiff', '.ppm', '.pgm', '.jp2'])
VIDEO_SUFFIXES = frozenset(
    ['.mp4', '.m4v', '.mov', '.mkv', '.webm', '.avi', '.mpg', '.mpeg', '.wmv', '.flv', '.ts', '.3gp', '.gif']
)
SAMPLES = Path(__file__).with_name('samples')  # sample.mp4 and sample.jpg, held-out scenes of the mini benchmark
TIMEOUT = 120  # seconds that a download may take


@dataclass
class Media:
    """One image or clip. It is opened when its frames are read, which a worker thread does.

    Attributes:
        source: the path or URL, else what kind of object was given. path, content, frames: one of them is set; ``frames`` are
            (T, H, W, 3) uint8 RGB. start, end: the part of a clip that is read, in seconds; None for its start or end.
    """

    source: str
    path: str | None = None
    content: bytes | None = None
    frames: np.ndarray | None = None
    start: float | None = None
    end: float | None = None

    @property
    def times(self) -> tuple[float, float | None] | None:
        """Seconds from which to which the clip is read, if only a part of it is; an end of None is the clip's own."""
        return None if self.start is None and self.end is None else (self.start or 0.0, self.end)

    def fetch(self) -> None:
        """Download a URL."""
        if self.path is None or not is_url(self.path):
            return
        try:
            content = fetch_url(self.path, TIMEOUT)
        except FetchLimitError as error:
            raise BadSampleError(f'{self.source}: {error}') from None
        self.path, self.content = None, content

    @property
    def kind(self) -> str:
        """'image' or 'video', by the suffix, else by what the file holds."""
        if self.frames is not None:
            return 'image' if len(self.frames) == 1 else 'video'
        suffix = Path(self.path or self.source).suffix.lower()
        if suffix in IMAGE_SUFFIXES:
            return 'image'
        if suffix in VIDEO_SUFFIXES:
            return 'video'
        try:
            with Image.open(self.path or self.source if self.content is None else io.BytesIO(self.content)) as image:
                return 'video' if getattr(image, 'is_animated', False) else 'image'
        except (OSError, ValueError, SyntaxError):
            return 'video'

    def read(self, num_frames: int, **reader: Any) -> np.ndarray:
        """Frames (T, H, W, 3) uint8 RGB: an image's only one, and `num_frames` of a clip, spread evenly.

        Args:
            reader: further arguments of `read_video`.

        Raises:
            BadSampleError: missing, broken, or without frames between `start` and `end`.
        """
        choose: Choose = partial(sample_frames, num_frames=num_frames, test_mode=True)
        if self.frames is not None:
            if self.times:
                raise BadSampleError(f'{self.source}: start and end are seconds of a file; of an array, give the frames')
            return self.frames if len(self.frames) == 1 else self.frames[choose(len(self.frames))]
        name = self.path or self.source
        if self.kind == 'image':
            if self.times:
                raise BadSampleError(f'{self.source}: start and end are of clips, but this is an image')
            return read_image(name, self.content)[None]
        part = Part(choose, self.start, self.end) if self.times else choose
        return read_video(name, part, content=self.content, **reader)

    def times_of(self, num_frames: int) -> list[float]:
        """Seconds of the frames that `read` takes of a file; empty where there are none, as of images and arrays."""
        if self.frames is not None or self.kind == 'image':
            return []
        name = self.path or self.source
        choose, clip = partial(sample_frames, num_frames=num_frames, test_mode=True), Clip(name, self.content)
        frames = chosen(Part(choose, self.start, self.end) if self.times else choose, clip)
        seconds = clip.seconds
        return [seconds[frame] for frame in frames]


def is_url(text: str) -> bool:
    return text.startswith(('http://', 'https://'))


def is_many(inputs: Any) -> bool:
    """Whether `inputs` are several: a folder, a list, a tuple or an iterator."""
    if isinstance(inputs, (str, Path)):
        return not is_url(str(inputs)) and Path(inputs).is_dir()
    return isinstance(inputs, Iterable) and not isinstance(inputs, (bytes, Mapping, np.ndarray, Tensor, Image.Image, Media))


def files_of(folder: str | Path) -> list[str]:
    """Images and videos in a folder and its subfolders, by their suffixes, in order of their paths.

    Raises:
        FileNotFoundError: there are none.
    """
    known = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    files = sorted(str(file) for file in Path(folder).rglob('*') if file.suffix.lower() in known and file.is_file())
    if not files:
        raise FileNotFoundError(f'no images or videos in the folder {folder}')
    return files


def as_media(value: Any, start: float | None = None, end: float | None = None, number: int = 0) -> Media:
    """One input as `Media`; nothing is opened. Where there is no file ``sample.mp4`` or ``sample.jpg``, that of the package is
    meant.

    Args:
        value: a path, a URL, the bytes of a file, a PIL image, an array (H, W), (H, W, C) or (T, H, W, 3), a tensor of
            these shapes or with channels first, (3, H, W) or (T, 3, H, W), all uint8; or
            ``dict(media=..., start=..., end=...)``.
        number: its place among several, for its name.

    Raises:
        TypeError: another kind of object. ValueError: an array of another shape or type of numbers.
    """
    if isinstance(value, Media):
        return value
    if isinstance(value, Mapping):
        unknown = sorted(set(value) - {'media', 'start', 'end'})
        if unknown or 'media' not in value:
            raise ValueError(f'an input as a dict has media, start and end, not {", ".join(map(str, value))}')
        return as_media(value['media'], value.get('start', start), value.get('end', end), number)
    if isinstance(value, (str, Path)):
        shipped = SAMPLES / Path(value).name
        is_shipped = str(value) == shipped.name and shipped.is_file() and not Path(value).exists()
        return Media(str(value), path=str(shipped if is_shipped else value), start=start, end=end)
    if isinstance(value, (bytes, bytearray)):
        return Media(f'bytes {number}', content=bytes(value), start=start, end=end)
    if isinstance(value, Image.Image):
        pixels = np.asarray(to_rgb(value))
        return Media(getattr(value, 'filename', '') or f'image {number}', frames=pixels[None], start=start, end=end)
    if isinstance(value, (np.ndarray, Tensor)):
        return Media(f'array {number}', frames=as_frames(value), start=start, end=end)
    raise TypeError(
        f'input {number} is a {type(value).__name__}; images and clips are paths, URLs, bytes, PIL images, arrays or tensors'
    )


def as_frames(array: np.ndarray | Tensor) -> np.ndarray:
    """An array or tensor as frames (T, H, W, 3); see `as_media`."""
    channels_first = isinstance(array, Tensor) and array.dim() >= 3 and array.shape[-3] == 3 and array.shape[-1] != 3
    array = array.detach().cpu().numpy() if isinstance(array, Tensor) else array
    if array.dtype != np.uint8:
        raise ValueError(f'arrays of pixels are uint8, from 0 to 255, not {array.dtype}')
    if channels_first:
        array = np.moveaxis(array, -3, -1)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[-1] not in (1, 3, 4) or 0 in array.shape:
        raise ValueError(f'arrays are (H, W), (H, W, C) or (T, H, W, C) with 1, 3 or 4 channels, not {array.shape}')
    if array.shape[-1] == 4:
        return np.stack([np.asarray(to_rgb(Image.fromarray(frame))) for frame in array])
    return np.repeat(array, 3, -1) if array.shape[-1] == 1 else array


def pair_up(inputs: Any, texts: Any = None, are_texts: bool = False) -> tuple[bool, int | None, Iterator[tuple[Any, Any]]]:
    """Inputs with their texts: one text goes with all inputs, and one input with all texts.

    Args:
        are_texts: inputs are texts, no paths.

    Returns:
        whether they are several, how many (None if not known) and the pairs.

    Raises:
        ValueError: several of both, of different numbers; when the pairs are used up.
    """
    several = not isinstance(inputs, str) if are_texts else is_many(inputs)
    if several and isinstance(inputs, (str, Path)):
        inputs = files_of(inputs)
    many = several, not (texts is None or isinstance(texts, str))
    lengths = [len(values) for values, more in ((inputs, many[0]), (texts, many[1])) if more and hasattr(values, '__len__')]
    total = lengths[0] if lengths else None
    if many == (True, True):
        return True, total, zip(inputs, texts, strict=True)
    if many[0]:
        return True, total, ((value, texts) for value in inputs)
    if many[1]:
        return True, total, ((inputs, text) for text in texts)
    return False, 1, iter([(inputs, texts)])
