"""The world of the mini benchmark: real handwritten digits on coloured plates, moving over real photographs.

Lengths are fractions of the image's side, times fractions of the clip; (0, 0) is the top left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

# Colours of the plates. The digit on a plate is always white, so that colour says nothing about its shape.
COLOURS = {
    'red': (200, 35, 35),
    'yellow': (215, 170, 0),
    'green': (35, 140, 60),
    'blue': (40, 80, 215),
    'purple': (125, 45, 165),
    'pink': (235, 105, 170),
    'black': (25, 25, 25),
    'orange': (235, 120, 20),
}
DIGITS = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
SIZES = {'small': 0.38, 'large': 0.56}  # height
DIRECTIONS = {'left': (-1, 0), 'right': (1, 0), 'up': (0, -1), 'down': (0, 1)}
# Distance that a thing moves in a clip. Clips last 2 to 3.5 s, so 'slowly' and 'quickly' differ in pixels a second too.
SPEEDS = {'slowly': (0.12, 0.18), 'quickly': (0.34, 0.42)}
SECONDS = (2.0, 3.5)
FPS = 10
IMAGE_SIDE, CLIP_SIDE, CLASS_SIDE = 128, 96, 64  # pixels
MOTIONS = (
    *(f'moves {direction} {speed}' for direction in DIRECTIONS for speed in SPEEDS),
    'grows',
    'shrinks',
    'appears',
    'stays still',
)
SPLITS = ('train', 'val', 'test')

# Photographs that scikit-image and scikit-learn ship; every split has its own vertical band of each.
PHOTOS = (
    *('astronaut.png', 'brick.png', 'camera.png', 'chelsea.png', 'coffee.png', 'coins.png', 'grass.png', 'gravel.png'),
    *('hubble_deep_field.jpg', 'ihc.png', 'moon.png', 'motorcycle_left.png', 'retina.jpg', 'rocket.jpg'),
    *('china.jpg', 'flower.jpg'),
)
_BANDS = {'train': (0.0, 0.6), 'val': (0.6, 0.8), 'test': (0.8, 1.0)}
_PHOTO_HEIGHT = 400


@dataclass(frozen=True)
class Thing:
    """A digit on its plate.

    digit: 0 to 9. scan: which handwritten one. colour, size, motion: keys of the tables above. x, y: centre at the start.
    travel: (dx, dy) over the clip. angle: of the digit, radians. aspect: the plate's width over its height.
    onset: when it appears.
    """

    digit: int
    scan: int
    colour: str
    size: str
    motion: str
    x: float
    y: float
    travel: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0
    aspect: float = 1.0
    onset: float = 0.0

    @property
    def word(self) -> str:
        return DIGITS[self.digit]

    def height(self, time: float) -> float:
        small, large = 0.24, SIZES['large']
        if self.motion == 'grows':
            return small + (large - small) * time
        if self.motion == 'shrinks':
            return large - (large - small) * time
        return SIZES[self.size]

    def centre(self, time: float) -> tuple[float, float]:
        return self.x + self.travel[0] * time, self.y + self.travel[1] * time

    def visible(self, time: float) -> bool:
        return time >= self.onset

    def box(self, time: float = 0.0) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the plate."""
        (x, y), half = self.centre(time), self.height(time) / 2
        return x - half * self.aspect, y - half, x + half * self.aspect, y + half


@dataclass(frozen=True)
class Scene:
    """Things, from left to right at the start, over a crop of a photograph.

    photo: index into `PHOTOS`. crop: left, top and side, as fractions of the split's band of the photograph.
    """

    split: str
    things: tuple[Thing, ...]
    photo: int
    crop: tuple[float, float, float]
    seconds: float = 0.0

    @property
    def frames(self) -> int:
        return round(self.seconds * FPS)


@lru_cache
def scans() -> tuple[np.ndarray, np.ndarray, dict[str, list[list[int]]]]:
    """The handwritten digits: images (1797, 8, 8) in [0, 1], labels, and for each split and digit the scans that it may use."""
    from sklearn.datasets import load_digits

    data = load_digits()
    allotted: dict[str, list[list[int]]] = {split: [] for split in SPLITS}
    for digit in range(10):
        own = np.random.default_rng(digit).permutation(np.flatnonzero(data.target == digit)).tolist()
        first, second = round(0.7 * len(own)), round(0.8 * len(own))
        for split, part in zip(SPLITS, (own[:first], own[first:second], own[second:]), strict=True):
            allotted[split].append(part)
    return (data.images / 16).astype(np.float32), data.target, allotted


@lru_cache
def photo_band(photo: int, split: str) -> np.ndarray:
    """A split's band of a photograph: (400, W, 3) uint8."""
    import skimage
    import sklearn.datasets

    folders = (Path(skimage.__file__).parent / 'data', Path(sklearn.datasets.__file__).parent / 'images')
    path = next(folder / PHOTOS[photo] for folder in folders if (folder / PHOTOS[photo]).exists())
    image = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    image = cv2.resize(image, (round(image.shape[1] * _PHOTO_HEIGHT / image.shape[0]), _PHOTO_HEIGHT))
    start, stop = (round(share * image.shape[1]) for share in _BANDS[split])
    return image[:, start:stop]


def _sample_thing(
    rng: np.random.Generator, split: str, motions: tuple[str, ...], colours: list[str], digits: list[int], large: bool
) -> Thing:
    digit = digits[rng.integers(len(digits))]
    own = scans()[2][split][digit]
    motion = motions[rng.integers(len(motions))]
    size = 'large' if large and rng.random() < 0.5 else 'small'
    travel = (0.0, 0.0)
    if motion.startswith('moves'):
        _, direction, speed = motion.split()
        far = rng.uniform(*SPEEDS[speed])
        travel = tuple(far * step for step in DIRECTIONS[direction])
    elif motion in ('grows', 'shrinks'):
        size = 'large'  # the space that it needs; captions do not name its size
    aspect = rng.uniform(0.9, 1.1)
    half_height = SIZES[size] / 2 + 0.01
    half_width = aspect * half_height
    low = half_width + max(0.0, -travel[0]), half_height + max(0.0, -travel[1])
    high = 1 - half_width - max(0.0, travel[0]), 1 - half_height - max(0.0, travel[1])
    x, y = (rng.uniform(min(a, b), max(a, b)) for a, b in zip(low, high, strict=True))
    return Thing(
        digit,
        int(own[rng.integers(len(own))]),
        colours[rng.integers(len(colours))],
        size,
        motion,
        x,
        y,
        travel,
        rng.normal(0, 0.08),
        aspect,
        rng.uniform(0.35, 0.6) if motion == 'appears' else 0.0,
    )


def _apart(first: Thing, second: Thing) -> bool:
    for time in (0.0, 0.25, 0.5, 0.75, 1.0):
        a, b = first.box(time), second.box(time)
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]:
            return False
    return True


def sample_scene(
    rng: np.random.Generator,
    split: str,
    counts: tuple[float, ...],
    motions: tuple[str, ...] = ('stays still',),
    digit: int | None = None,
    large_only: bool = False,
) -> Scene:
    """Sample a scene.

    Args:
        rng: makes every choice. split: its scans and photographs are used. counts: probabilities of 1, 2, 3 things.
        motions: to choose from. digit: the digit of the only thing, None for any. large_only: all things are large.

    The things of a scene differ in colour and in digit, and never overlap.
    """
    count = 1 + int(rng.choice(len(counts), p=counts))
    while True:
        things: list[Thing] = []
        for _ in range(40 * count):
            colours = [colour for colour in COLOURS if colour not in {thing.colour for thing in things}]
            digits = [d for d in range(10) if d not in {thing.digit for thing in things}] if digit is None else [digit]
            large = all(thing.size == 'small' for thing in things) or count < 3
            thing = _sample_thing(rng, split, motions, colours, digits, large)
            if large_only and thing.size != 'large':
                continue
            if all(_apart(thing, other) for other in things):
                things.append(thing)
            if len(things) == count:
                break
        if len(things) == count:
            break
    things.sort(key=lambda thing: thing.x)
    side = rng.uniform(0.5, 1.0)
    crop = (rng.random(), rng.random(), side)
    seconds = round(rng.uniform(*SECONDS), 1) if motions != ('stays still',) else 0.0
    return Scene(split, tuple(things), int(rng.integers(len(PHOTOS))), crop, seconds)


def backdrop(scene: Scene, side: int) -> np.ndarray:
    """The photograph behind a scene, a little faded so that the plates stand out: (side, side, 3) float32 in 0..255."""
    band = photo_band(scene.photo, scene.split)
    left, top, share = scene.crop
    size = int(share * min(band.shape[:2]))
    x, y = int(left * (band.shape[1] - size)), int(top * (band.shape[0] - size))
    image = cv2.resize(band[y : y + size, x : x + size], (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    return 0.65 * image + 0.35 * 110


def plate(thing: Thing, side: int, time: float = 0.0) -> np.ndarray:
    """How much of each pixel a thing's plate covers, a square with round corners: (side, side) float32 in [0, 1]."""
    (x, y), half = thing.centre(time), thing.height(time) / 2
    pixel_centres = (np.arange(side, dtype=np.float32) + 0.5) / side
    across, down = np.abs(pixel_centres - x) / (half * thing.aspect), np.abs(pixel_centres - y) / half
    return np.clip((1 - (across[None] ** 6 + down[:, None] ** 6)) * 6 + 0.5, 0, 1)


def ink(thing: Thing, side: int, time: float = 0.0) -> np.ndarray:
    """How much of each pixel the digit's stroke covers: (side, side) float32 in [0, 1]."""
    (x, y), height = thing.centre(time), 0.9 * thing.height(time) * side
    scale = height / 8
    cos, sin = math.cos(thing.angle) * scale, math.sin(thing.angle) * scale
    # From scan pixels (u, v) to image pixels, about the centre of the scan.
    forward = np.array([[cos * thing.aspect, -sin, 0.0], [sin * thing.aspect, cos, 0.0]])
    centre = np.array([3.5, 3.5])
    forward[:, 2] = np.array([x, y]) * side - 0.5 - forward[:, :2] @ centre
    strength = cv2.warpAffine(scans()[0][thing.scan], forward, (side, side), flags=cv2.INTER_CUBIC)
    return np.clip((strength - 0.42) * max(2.5, scale), 0, 1)


def paint(image: np.ndarray, thing: Thing, time: float = 0.0) -> None:
    """Draw a thing onto a (side, side, 3) float32 image, in place."""
    side = image.shape[0]
    for cover, colour in ((plate(thing, side, time), COLOURS[thing.colour]), (ink(thing, side, time), (250, 250, 250))):
        image += cover[..., None] * (np.array(colour, np.float32) - image)


def render(scene: Scene, side: int, time: float = 0.0, behind: np.ndarray | None = None) -> np.ndarray:
    """A scene at a time of its clip: (side, side, 3) uint8."""
    image = (backdrop(scene, side) if behind is None else behind).copy()
    for thing in scene.things:
        if thing.visible(time):
            paint(image, thing, time)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def render_clip(scene: Scene, side: int) -> np.ndarray:
    """All frames of a clip: (frames, side, side, 3) uint8."""
    behind, count = backdrop(scene, side), scene.frames
    return np.stack([render(scene, side, index / (count - 1), behind) for index in range(count)])
