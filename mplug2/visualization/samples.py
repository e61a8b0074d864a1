"""Samples as a model sees them, after the pipeline, on a page."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from ..utils.files import write_text

SIDE = 160  # pixels of a frame on the page, at least
FRAMES = 16  # that are shown of a clip
_LEFT_OUT = ('gt_instances', 'ignored_instances', 'windows')  # fields that are shown otherwise, or not
_NUMBERS = ('span', 'mlm_positions', 'media_id')  # inputs that are no tokens
_BOX = '#d1242f'
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 sans-serif; margin: 2em; color: #1f2328; }}
section {{ border-top: 1px solid #d1d9e0; padding: 1em 0; }}
img {{ image-rendering: pixelated; margin: 1px; }}
dt {{ float: left; clear: left; width: 9em; color: #59636e; }} dd {{ margin-left: 9em; overflow-wrap: anywhere; }}
</style></head><body><h1>{title}</h1>
{sections}
</body></html>
"""


def write_samples(
    samples: Sequence[Any],
    path: str | Path,
    title: str,
    decode: Callable[[Sequence[int]], str] | None = None,
    classes: Sequence[str] | None = None,
) -> Path:
    """Write packed samples as one page: frames with boxes, texts as the tokens that are left of them, labels, fields.

    Args:
        samples: what a data set gives, `PackInputs`'s or mmdet's `PackDetInputs`'s. path: the HTML file. title: of the page.
            decode: ids -> words; ids are shown without it. classes: names of the labels.
    """
    sections = [_section(number, sample, decode, classes) for number, sample in enumerate(samples)]
    write_text(path, _PAGE.format(title=html.escape(title), sections='\n'.join(sections)))
    return Path(path)


def _section(number: int, sample: Any, decode: Callable | None, classes: Sequence[str] | None) -> str:
    fields = {key: value for key, value in sample['data_samples'].to_dict().items() if key not in _LEFT_OUT}
    inputs = sample['inputs']
    boxes: list[Sequence[float]] = []
    if isinstance(inputs, Tensor):  # of mmdet: one image, blue first
        instances = sample['data_samples'].gt_instances
        boxes = np.asarray(getattr(instances.bboxes, 'tensor', instances.bboxes)).tolist()
        fields['labels'] = [_class(int(label), classes) for label in instances.labels]
        frames, inputs = inputs.flip(0)[None], {}
    else:
        frames = inputs.get('frames')
    images = ''
    if frames is not None:
        views = frames.flatten(0, -4)  # those of a test are shown one after the other
        height, width = views.shape[-2:]
        if 'box' in fields and fields['box'] is not None:  # in shares of the frame
            boxes = [[share * side for share, side in zip(fields['box'], (width, height) * 2, strict=True)]]
        shown = views[np.linspace(0, len(views) - 1, min(FRAMES, len(views))).round().astype(int)]
        images = ''.join(_image(frame.permute(1, 2, 0).numpy(), boxes) for frame in shown)
        fields['frames'] = ' x '.join(map(str, frames.shape))
    rows = {
        key: _words(value, None if key in _NUMBERS else decode)
        for key, value in inputs.items()
        if key not in ('frames', 'label', 'task')
    }
    if 'label' in inputs:
        rows['label'] = _class(int(inputs['label']), classes)
    if type(fields.get('label')) is int:
        fields['label'] = _class(fields['label'], classes)
    rows |= {key: str(value) for key, value in fields.items() if key not in rows}
    listed = ''.join(f'<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>' for key, value in rows.items())
    return f'<section><h2>{number}</h2>{images}<dl>{listed}</dl></section>'


def _image(pixels: np.ndarray, boxes: Sequence[Sequence[float]]) -> str:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = max(1, round(SIDE / max(1, min(image.size))))
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    for box in boxes:
        draw.rectangle([side * scale for side in box], outline=_BOX, width=2)
    content = io.BytesIO()
    image.save(content, 'PNG')
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}">'


def _class(label: int, classes: Sequence[str] | None) -> str:
    return f'{label}: {classes[label]}' if classes and label < len(classes) else str(label)


def _words(value: Any, decode: Callable | None) -> str:
    """Tokens as words: of one text, of an encoded pair, or of several targets."""
    if hasattr(value, 'ids'):
        value = value.ids
    if isinstance(value, Tensor):
        value = value.tolist()
    if isinstance(value, (list, tuple)) and value and (hasattr(value[0], 'ids') or isinstance(value[0], (list, tuple))):
        return ' | '.join(_words(part, decode) for part in value)
    if decode is None or not isinstance(value, list) or not all(isinstance(one, int) for one in value):
        return str(value)
    return f'{decode(value)} ({len(value)} tokens)'
