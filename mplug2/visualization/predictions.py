"""Contact sheets of predictions."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.transforms import LoadImage, LoadVideo
from ..evaluation.grounding import box_iou

_COLUMNS = 4
_RIGHT, _WRONG = '#1a7f37', '#b42318'


def _draw_boxes(axes: Any, sample: dict, width: int, height: int) -> None:
    """The box that was asked for in green, the predicted one in red, as the paper's Figure 6 has them."""
    from matplotlib.patches import Rectangle

    for key, colour in (('box', _RIGHT), ('pred_box', _WRONG)):
        if sample[key] is not None:
            left, top, right, bottom = (share * side for share, side in zip(sample[key], (width, height) * 2, strict=True))
            axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.5))


def draw_predictions(samples: list[dict], path: str | Path, frames: int = 4) -> Path:
    """Draw each sample's picture or film strip with what was predicted and what was expected.

    Args:
        samples: data samples as dicts, with ``media``, ``path``, and ``pred_caption`` and ``captions``, or ``pred_answer``,
            ``question`` and ``answers``, or ``pred_box``, ``box`` and ``phrase``, or ``pred_label`` and ``label``. path: the
            PNG to write.
        frames: drawn of a clip.

    Returns:
        the path.
    """
    from matplotlib import rcParams
    from matplotlib.figure import Figure  # no pyplot: nothing here may need a screen

    rows = -(-len(samples) // _COLUMNS)
    figure = Figure(figsize=(4.2 * _COLUMNS, 2.2 * rows), dpi=110)
    load = {'image': LoadImage(), 'video': LoadVideo(num_frames=frames)}
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
            axes.set_title('\n'.join(textwrap.wrap(sample['phrase'], 46)), fontsize=9, color=_RIGHT if right else _WRONG)
            continue
        if 'pred_answer' in sample:
            said, expected = sample['pred_answer'], sample['answers']
            title = f'{sample["question"]}\n'
        elif 'pred_label' in sample:
            right_ones = sample['labels'] if 'labels' in sample else [sample['label']]
            said, expected, title = f'class {sample["pred_label"]}', [f'class {label}' for label in right_ones], ''
        else:
            said, expected, title = sample['pred_caption'], sample['captions'], ''
        right = said in expected
        shown = ' / '.join(dict.fromkeys(expected)) if 'pred_answer' in sample else expected[0]
        axes.set_title(title + '\n'.join(textwrap.wrap(said, 46)), fontsize=9, color=_RIGHT if right else _WRONG)
        below = '' if right else 'expected: ' + shown
        axes.text(0.5, -0.04, '\n'.join(textwrap.wrap(below, 56)), transform=axes.transAxes, ha='center', va='top', fontsize=7)
    figure.tight_layout(pad=rcParams['figure.subplot.wspace'] + 0.6)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path
