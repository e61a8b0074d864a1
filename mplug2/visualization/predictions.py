"""Predictions beside what was expected: contact sheets of images and clips, pages of texts."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.transforms import LoadImage, LoadVideo
from ..evaluation.grounding import box_iou

_COLUMNS = 4
RIGHT, WRONG = '#1a7f37', '#b42318'
_COLOURS = {True: RIGHT, False: WRONG, None: '#1f2328'}
_TEXTS = (('pred_answer', 'answers'), ('pred_caption', 'captions'), ('pred_summary', 'summaries'))
_INPUTS = ('sentence1', 'sentence2', 'document', 'question', 'context')  # of a text task


def is_shown(sample: dict) -> bool:
    """Whether `draw_predictions` or `write_predictions` can show the sample's prediction."""
    return any(key in sample for key in ('pred_box', 'pred_label', *dict(_TEXTS)))


def _prediction_of(sample: dict, classes: Sequence[str] | None) -> tuple[str, list[str] | None]:
    """The prediction and the expected texts; None where the data have none, as in hidden test splits."""
    if 'pred_label' in sample:
        labels = sample['labels'] if 'labels' in sample else [sample.get('label')]
        predicted, *right = [
            f'class {label}' if classes is None else classes[label]
            for label in (sample['pred_label'], *(label for label in labels if label is not None))
        ]
        return predicted, right or None
    predicted, right = next(keys for keys in _TEXTS if keys[0] in sample)
    expected = sample.get(right)
    # An empty list of answers means an unanswerable question. An empty list of captions means a hidden test split.
    return sample[predicted], None if expected is None or (not len(expected) and right != 'answers') else list(expected)


def _is_right(predicted: str, expected: list[str] | None) -> bool | None:
    """An empty list of expected answers means that the question has none."""
    return None if expected is None else predicted in expected or (not predicted and not expected)


def _draw_boxes(axes: Any, sample: dict, width: int, height: int) -> None:
    """The true box in green and the predicted one in red, as in the paper's Figure 6."""
    from matplotlib.patches import Rectangle

    for key, colour in (('box', RIGHT), ('pred_box', WRONG)):
        if sample[key] is not None:
            left, top, right, bottom = (share * side for share, side in zip(sample[key], (width, height) * 2, strict=True))
            axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.5))


def _caption(axes: Any, words: str, right: bool | None, above: str = '') -> None:
    """A title over an image, coloured by whether it is right; $ does not start a formula."""
    title = above + '\n'.join(textwrap.wrap(words, 46))
    axes.set_title(title, fontsize=9, color=_COLOURS[right], parse_math=False)


def draw_predictions(samples: list[dict], path: str | Path, frames: int = 4, classes: Sequence[str] | None = None) -> Path:
    """Draw each sample's image or film strip with the prediction and what was expected.

    Args:
        samples: data samples as dicts, with ``media``, ``path``, and ``pred_caption`` and ``captions``, or ``pred_answer``,
            ``question`` and ``answers``, or ``pred_box``, ``box`` and ``phrase``, or ``pred_label`` and ``label``. path: the
            PNG to write. What is expected may be missing.
        frames: number shown of a clip. classes: their names.

    Returns:
        the path.
    """
    from matplotlib import rcParams
    from matplotlib.figure import Figure  # not pyplot, which may need a screen

    rows = -(-len(samples) // _COLUMNS)
    figure = Figure(figsize=(4.2 * _COLUMNS, 2.2 * rows), dpi=110)
    load = {'image': LoadImage(), 'video': LoadVideo(num_frames=frames, backend='pyav')}
    for index, sample in enumerate(samples):
        axes = figure.add_subplot(rows, _COLUMNS, index + 1)
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
        predicted, expected = _prediction_of(sample, classes)
        right = _is_right(predicted, expected)
        title = f'{sample["question"]}\n' if 'pred_answer' in sample else ''
        _caption(axes, predicted, right, title)
        shown = ' / '.join(dict.fromkeys(expected or ())) if 'pred_answer' in sample else (expected or [''])[0]
        below = '\n'.join(textwrap.wrap('expected: ' + shown, 56)) if right is False else ''
        axes.text(0.5, -0.04, below, transform=axes.transAxes, ha='center', va='top', fontsize=7, parse_math=False)
    figure.tight_layout(pad=rcParams['figure.subplot.wspace'] + 0.6)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def write_predictions(samples: list[dict], path: str | Path, classes: Sequence[str] | None = None) -> Path:
    """Write each sample's texts, its prediction and what was expected as a Markdown page.

    Args:
        samples: data samples as dicts, with inputs (``sentence1`` and ``sentence2``, ``document``, or ``question`` and
            ``context``) and predictions as in `draw_predictions`, or ``pred_summary`` and ``summaries``. path: the page to
            write. classes: their names.

    Returns:
        the path.
    """
    lines = ['# Predictions']
    for sample in samples:
        predicted, expected = _prediction_of(sample, classes)
        verdict = {True: 'right', False: 'wrong', None: 'not known'}[_is_right(predicted, expected)]
        lines += ['', f'## {sample["sample_id"]}: {verdict}', '']
        lines += [f'- {key}: {sample[key]}' for key in _INPUTS if key in sample]
        lines.append(f'- **predicted: {predicted or "no answer"}**')
        if expected is not None:
            lines.append(f'- expected: {" / ".join(dict.fromkeys(expected)) or "no answer"}')
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')
    return path
