"""Predictions beside what was expected: contact sheets of images and clips, pages of texts."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..datasets.transforms import LoadImage, LoadVideo
from ..evaluation.grounding import box_iou
from ..utils.files import replace_file, write_text

_COLUMNS = 4
RIGHT, WRONG = '#1a7f37', '#b42318'
_COLOURS = {True: RIGHT, False: WRONG, None: '#1f2328'}
_INPUTS = ('sentence1', 'sentence2', 'document', 'question', 'context')  # what a text task is given


class Shown(NamedTuple):
    """What people read of a prediction.

    predicted: in words. expected: what would be right, in words; none at all where there is no answer, None where data do not
    say. right: whether the prediction is; None: not known. above: words over an image. below: words under one, if wrong.
    draw: marks of its own over an image or film strip, called with matplotlib's axes and the strip's width and height.
    """

    predicted: str
    expected: list[str] | None = None
    right: bool | None = None
    above: str = ''
    below: str = ''
    draw: Callable[[Any, int, int], None] | None = None


View = Callable[[dict, Sequence[str] | None], Shown]
_VIEWS: dict[str, View] = {}


def register_view(field: str, view: View) -> None:
    """Say how a prediction is shown, for `ShowPredictions` and the functions here.

    Args:
        field: of the data sample, which the task sets. view: from a data sample, as a dict, and the classes' names or None.

    Raises:
        KeyError: the field has another view.
    """
    if _VIEWS.setdefault(field, view) is not view:
        raise KeyError(f'how {field!r} is shown is registered already')


def is_shown(sample: dict) -> bool:
    """Whether a field of the sample has a view."""
    return any(field in sample for field in _VIEWS)


def shown(sample: dict, classes: Sequence[str] | None = None) -> Shown:
    """The first registered view of a sample.

    Raises:
        KeyError: none of its fields has one.
    """
    for field, view in _VIEWS.items():
        if field in sample:
            return view(sample, classes)
    raise KeyError(f'sample {sample.get("sample_id")!r} has no prediction that can be shown; register_view says how one is')


def _is_right(predicted: str, expected: list[str] | None) -> bool | None:
    """No expected answer at all means that there is none to the question."""
    return None if expected is None else predicted in expected or (not predicted and not expected)


def _box(sample: dict, classes: Sequence[str] | None) -> Shown:
    def draw(axes: Any, width: int, height: int) -> None:
        """The box that was asked for in green, the predicted one in red, as the paper's Figure 6 has them."""
        from matplotlib.patches import Rectangle

        for key, colour in (('box', RIGHT), ('pred_box', WRONG)):
            if sample[key] is not None:
                left, top, right, bottom = (share * side for share, side in zip(sample[key], (width, height) * 2, strict=True))
                axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.5))

    right = sample['pred_box'] is not None and box_iou(sample['pred_box'], sample['box']) > 0.5
    return Shown(sample['phrase'], right=bool(right), draw=draw)


def _label(sample: dict, classes: Sequence[str] | None) -> Shown:
    def name(label: int) -> str:
        return f'class {label}' if classes is None else classes[label]

    labels = sample['labels'] if 'labels' in sample else [sample.get('label')]
    predicted, expected = name(sample['pred_label']), [name(label) for label in labels if label is not None] or None
    return Shown(predicted, expected, _is_right(predicted, expected), below=(expected or [''])[0])


def _answer(sample: dict, classes: Sequence[str] | None) -> Shown:
    predicted, expected = sample['pred_answer'], sample.get('answers')
    expected = None if expected is None else list(expected)
    below = ' / '.join(dict.fromkeys(expected or ()))
    return Shown(predicted, expected, _is_right(predicted, expected), above=f'{sample["question"]}\n', below=below)


def _text(field: str, right: str) -> View:
    """The view of a text, of which any one of several is right; none at all means that the data do not say."""

    def view(sample: dict, classes: Sequence[str] | None) -> Shown:
        predicted, expected = sample[field], list(sample.get(right) or ()) or None
        return Shown(predicted, expected, _is_right(predicted, expected), below=(expected or [''])[0])

    return view


register_view('pred_box', _box)
register_view('pred_label', _label)
register_view('pred_answer', _answer)
register_view('pred_caption', _text('pred_caption', 'captions'))
register_view('pred_summary', _text('pred_summary', 'summaries'))


def _caption(axes: Any, words: str, right: bool | None, above: str = '') -> None:
    """A title over an image, coloured by whether it is right; $ does not start a formula."""
    title = above + '\n'.join(textwrap.wrap(words, 46))
    axes.set_title(title, fontsize=9, color=_COLOURS[right], parse_math=False)


def draw_predictions(samples: list[dict], path: str | Path, frames: int = 4, classes: Sequence[str] | None = None) -> Path:
    """Draw each sample's image or film strip with the prediction and what was expected.

    Args:
        samples: data samples as dicts, with ``media``, ``path`` and a field that has a view: ``pred_caption`` and ``captions``,
            ``pred_answer``, ``question`` and ``answers``, ``pred_box``, ``box`` and ``phrase``, ``pred_label`` and ``label``,
            or those of `register_view`. What is expected may be missing. path: the PNG to write.
        frames: drawn of a clip. classes: their names.

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
        view = shown(sample, classes)
        if view.draw is not None:
            view.draw(axes, strip.shape[2], strip.shape[1])
        _caption(axes, view.predicted, view.right, view.above)
        below = '\n'.join(textwrap.wrap('expected: ' + view.below, 56)) if view.right is False and view.below else ''
        axes.text(0.5, -0.04, below, transform=axes.transAxes, ha='center', va='top', fontsize=7, parse_math=False)
    figure.tight_layout(pad=rcParams['figure.subplot.wspace'] + 0.6)
    path = Path(path)
    replace_file(path, lambda file: figure.savefig(file, format=path.suffix[1:] or 'png'))
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
        view = shown(sample, classes)
        verdict = {True: 'right', False: 'wrong', None: 'not known'}[view.right]
        lines += ['', f'## {sample["sample_id"]}: {verdict}', '']
        lines += [f'- {key}: {sample[key]}' for key in _INPUTS if key in sample]
        lines.append(f'- **predicted: {view.predicted or "no answer"}**')
        if view.expected is not None:
            lines.append(f'- expected: {" / ".join(dict.fromkeys(view.expected)) or "no answer"}')
    path = Path(path)
    write_text(path, '\n'.join(lines) + '\n')
    return path
