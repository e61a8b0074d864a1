"""What a model says of an image or clip, drawn over it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLOURS = ((209, 36, 47), (9, 105, 218), (26, 127, 55), (191, 135, 0), (130, 80, 223))
SIDE = 320  # pixels of a frame's shorter side, at least
_LINE = 18  # pixels of a line of words


def draw_result(result: Any, frames: np.ndarray) -> Image.Image:
    """A film strip with boxes, masks and words.

    Args:
        result: has ``text``, ``prompt``, ``score``, ``boxes``, ``labels``, ``scores`` and ``masks``, as `mplug2.apis.Result`.
            frames: (T, H, W, 3) uint8.
    """
    height, width = frames.shape[1:3]
    scale = max(1.0, SIDE / min(height, width))
    size = (round(width * scale), round(height * scale))
    strip = Image.new('RGB', (len(frames) * (size[0] + 2) - 2, size[1]), 'white')
    for number, frame in enumerate(frames):
        drawn = Image.fromarray(_over(frame, result.masks)).resize(size)
        _draw_boxes(ImageDraw.Draw(drawn), result, scale)
        strip.paste(drawn, (number * (size[0] + 2), 0))
    lines = [line for words in _words(result) for line in textwrap.wrap(words, max(20, strip.width // 8))]
    page = Image.new('RGB', (strip.width, strip.height + _LINE * len(lines) + 6), 'white')
    page.paste(strip, (0, 0))
    font = ImageFont.load_default(14)
    for number, line in enumerate(lines):
        ImageDraw.Draw(page).text((4, strip.height + 2 + _LINE * number), line, fill='black', font=font)
    return page


def _over(frame: np.ndarray, masks: Sequence[np.ndarray]) -> np.ndarray:
    pixels = frame.astype(np.float32)
    for number, mask in enumerate(masks):
        pixels[mask] = 0.5 * pixels[mask] + 0.5 * np.array(COLOURS[number % len(COLOURS)], np.float32)
    return pixels.astype(np.uint8)


def _draw_boxes(draw: ImageDraw.ImageDraw, result: Any, scale: float) -> None:
    font = ImageFont.load_default(12)
    for number, box in enumerate(result.boxes):
        colour = COLOURS[number % len(COLOURS)]
        corners = [side * scale for side in box]
        draw.rectangle(corners, outline=colour, width=2)
        if number < len(result.labels):
            label = f'{result.labels[number]} {result.scores[number]:.2f}'
            place = (corners[0] + 2, max(0.0, corners[1] - 14))
            draw.rectangle(draw.textbbox(place, label, font=font), fill='white')
            draw.text(place, label, fill=colour, font=font)


def _words(result: Any) -> list[str]:
    lines = [result.prompt, result.text]
    if result.text is None and result.score is not None:
        lines.append(f'{result.score:.3f}')
    return [words for words in lines if words]
