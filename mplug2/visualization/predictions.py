"""Predictions beside what was expected: contact sheets of images and clips, pages of texts."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.transforms import LoadImage, LoadVideo
from ..evaluation.grounding import box_iou
from ..utils.files import replace_file, write_text

_COLUMNS = 4
RIGHT, WRONG = '#1a7f37', '#b42318'
_COLOURS = {True: RIGHT, False: WRONG, None: '#1f2328'}
_TEXTS = (('pred_answer', 'answers'), ('pred_caption', 'captions'), ('pred_summary', 'summaries'))
_READ = ('sentence1', 'sentence2', 'document', 'question', 'context')  # what a text task is given


def is_shown(sample: dict) -> bool:
    """Whether `draw_predictions` or `write_predictions` knows what was predicted."""
    return any(key in sample for key in ('pred_box', 'pred_label', *(said for said, _ in _TEXTS)))


def _said(sample: dict, classes: Sequence[str] | None) -> tuple[str, list[str] | None]:
    """What was predicted and what is right; None where the data do not tell, as in tests whose answers are kept secret."""
    if 'pred_label' in sample:
        labels = sample['labels'] if 'labels' in sample else [sample.get('label')]
        said, *right = [
            f'class {label}' if classes is None else classes[label]
            for label in (sample['pred_label'], *(label for label in labels if label is not None))
        ]
        return said, right or None
    said, right = next(keys for keys in _TEXTS if keys[0] in sample)
    expected = sample.get(right)
    # No answer at all is what an unanswerable question has; no caption means that it is not told.
    return sample[said], None if expected is None or (not len(expected) and right != 'answers') else list(expected)


def _is_right(said: str, expected: list[str] | None) -> bool | None:
    """No expected answer at all means that there is none to the question."""
    return None if expected is None else said in expected or (not said and not expected)


def _draw_boxes(axes: Any, sample: dict, width: int, height: int) -> None:
    """The box that was asked for in green, the predicted one in red, as the paper's Figure 6 has them."""
    from matplotlib.patches import Rectangle

    for key, colour in (('box', RIGHT), ('pred_box', WRONG)):
        if sample[key] is not None:
            left, top, right, bottom = (share * side for share, side in zip(sample[key], (width, height) * 2, strict=True))
            axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.5))


def _caption(axes: Any, words: str, right: bool | None, above: str = '') -> None:
    """Words over an image in the colour of their being right; $ is no formula."""
    title = above + '\n'.join(textwrap.wrap(words, 46))
    axes.set_title(title, fontsize=9, color=_COLOURS[right], parse_math=False)


def draw_predictions(samples: list[dict], path: str | Path, frames: int = 4, classes: Sequence[str] | None = None) -> Path:
    """Draw each sample's image or film strip with what was predicted and what was expected.

    Args:
        samples: data samples as dicts, with ``media``, ``path``, and ``pred_caption`` and ``captions``, or ``pred_answer``,
            ``question`` and ``answers``, or ``pred_box``, ``box`` and ``phrase``, or ``pred_label`` and ``label``. path: the
            PNG to write. What is expected may be missing.
        frames: drawn of a clip. classes: their names.

    Returns:
        the path.
    """
    from matplotlib import rcParams
    from matplotlib.figure import Figure  # no pyplot: nothing here may need a screen

    rows = -(-len(samples) // _COLUMNS)
    figure = Figure(figsize=(4.2 * _COLUMNS, 2.2 * rows), dpi=110)
    load = {'image': LoadImage(), 'video': LoadVideo(num_frames=frames, backend='pyav')}
    for place, sample in enumerate(samples):
        axes = figure.add_subplot(rows, _COLUMNS, place + 1)
        axes.axis('off')
        loaded = load[sample['media']].transform(dict(path=sample['path'], sample_id=sample['sample_id'], test_mode=True))
        strip = loaded['frames']
        gap = np.full((strip.shape[1], 2, 3), 255, np.uint8)
        axes.imshow(np.concatenate([part for frame in strip for part in (frame, gap)][:-1], 1), interpolation='nearest')
        if 'pred_box' in sample:
            right = sample['pred_box'] is not None and box_iou(sample['pred_box'], sample['box']) > 0.5
            _draw_boxes(axes, sample, strip.shape[2], strip.shape[1])
            _caption(axes, sample['phrase'], bool(right))
            continue
        said, expected = _said(sample, classes)
        right = _is_right(said, expected)
        title = f'{sample["question"]}\n' if 'pred_answer' in sample else ''
        _caption(axes, said, right, title)
        shown = ' / '.join(dict.fromkeys(expected or ())) if 'pred_answer' in sample else (expected or [''])[0]
        below = '\n'.join(textwrap.wrap('expected: ' + shown, 56)) if right is False else ''
        axes.text(0.5, -0.04, below, transform=axes.transAxes, ha='center', va='top', fontsize=7, parse_math=False)
    figure.tight_layout(pad=rcParams['figure.subplot.wspace'] + 0.6)
    path = Path(path)
    replace_file(path, lambda file: figure.savefig(file, format=path.suffix[1:] or 'png'))
    return path


def write_predictions(samples: list[dict], path: str | Path, classes: Sequence[str] | None = None) -> Path:
    """Write each sample's texts with what was predicted and what was expected as a Markdown page.

    Args:
        samples: data samples as dicts, with what was read (``sentence1`` and ``sentence2``, ``document``, or ``question`` and
            ``context``) and predictions as in `draw_predictions`, or ``pred_summary`` and ``summaries``. path: the page to
            write. classes: their names.

    Returns:
        the path.
    """
    lines = ['# Predictions']
    for sample in samples:
        said, expected = _said(sample, classes)
        verdict = {True: 'right', False: 'wrong', None: 'not known'}[_is_right(said, expected)]
        lines += ['', f'## {sample["sample_id"]}: {verdict}', '']
        lines += [f'- {key}: {sample[key]}' for key in _READ if key in sample]
        lines.append(f'- **predicted: {said or "no answer"}**')
        if expected is not None:
            lines.append(f'- expected: {" / ".join(dict.fromkeys(expected)) or "no answer"}')
    path = Path(path)
    write_text(path, '\n'.join(lines) + '\n')
    return path
