"""A self-contained page of what a model says of images and clips: frames, captions, answers, search hits, numbers, commands."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..datasets.io.files import is_media
from ..datasets.io.image import read_image
from ..datasets.io.video import read_video, sample_frames
from ..utils.files import write_text
from .predictions import RIGHT, WRONG

FRAMES = 4  # of a clip
HEIGHT = 96  # pixels of a frame

_STYLE = f"""
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #1f2328; }}
h2 {{ margin-top: 2em; border-bottom: 1px solid #d0d7de; }}
.cards {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(26em, 1fr)); gap: 1.2em; }}
.card {{ border: 1px solid #d0d7de; border-radius: 8px; padding: 0.8em; }}
.card img {{ width: 100%; image-rendering: pixelated; border-radius: 4px; }}
.card p {{ margin: 0.35em 0 0; }}
.right {{ color: {RIGHT}; }} .wrong {{ color: {WRONG}; }} .quiet {{ color: #57606a; font-size: 13px; }}
td, th {{ padding: 0.15em 1em 0.15em 0; text-align: left; }} td + td {{ font-variant-numeric: tabular-nums; }}
pre {{ background: #f6f8fa; padding: 0.8em; border-radius: 6px; overflow-x: auto; font-size: 13px; }}
"""


class Statement(NamedTuple):
    """One thing that was said of an image or clip. label: what was asked. text: the answer. right: whether it is, None if
    unknown."""

    label: str
    text: str
    right: bool | None = None


class Section(NamedTuple):
    """A row of cards. cards: files, with what was said of each."""

    title: str
    cards: Sequence[tuple[str, Sequence[Statement]]]


def write_report(
    path: str | Path, title: str, sections: Sequence[Section], metrics: Mapping[str, float], commands: Sequence[str]
) -> Path:
    """Write the page; the frames are within it, so that it can be sent as one file.

    Args:
        path: the HTML file. metrics: names and values, in the order in which they are listed. commands: that made all this.

    Returns:
        the path.

    Raises:
        BadSampleError: a file cannot be read.
    """
    rows = ''.join(f'<tr><td>{_text(name)}</td><td>{value:.4g}</td></tr>' for name, value in metrics.items())
    body = [f'<h1>{_text(title)}</h1>', f'<table>{rows}</table>']
    for section in sections:
        cards = ''.join(_card(file, statements) for file, statements in section.cards)
        body.append(f'<h2>{_text(section.title)}</h2><div class="cards">{cards}</div>')
    body.append(f'<h2>Commands</h2><pre>{_text(chr(10).join(commands))}</pre>')
    write_text(
        path,
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<title>{_text(title)}</title><style>{_STYLE}</style></head><body>{"".join(body)}</body></html>\n',
    )
    return Path(path)


def _card(file: str, statements: Sequence[Statement]) -> str:
    lines = [f'<p class="quiet">{_text(Path(file).name)}</p>']
    for label, text, right in statements:
        kind = {True: ' class="right"', False: ' class="wrong"', None: ''}[right]
        lines.append(f'<p>{_text(label)} <b{kind}>{_text(text)}</b></p>')
    return f'<div class="card"><img alt="{_text(Path(file).name)}" src="{_strip(file)}">{"".join(lines)}</div>'


def _strip(file: str) -> str:
    """An image, or frames of a clip side by side, as a data URL."""
    if is_media(Path(file), 'video'):
        frames = read_video(file, lambda length: sample_frames(length, FRAMES, test_mode=True))
    else:
        frames = read_image(file)[None]
    images = [Image.fromarray(frame) for frame in frames]
    scale = HEIGHT / images[0].height
    images = [np.asarray(image.resize((round(image.width * scale), HEIGHT), Image.Resampling.BICUBIC)) for image in images]
    gap = np.full((HEIGHT, 3, 3), 255, np.uint8)
    strip = np.concatenate([part for image in images for part in (image, gap)][:-1], 1)
    content = io.BytesIO()
    Image.fromarray(strip).save(content, 'JPEG', quality=88)
    return f'data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}'


def _text(text: str) -> str:
    return html.escape(str(text))
