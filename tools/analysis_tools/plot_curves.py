"""Plots scalars that training logged: one panel for each scalar, one line for each run.

    python tools/analysis_tools/plot_curves.py docs/images/stamps_curves.png \\
        --run 'from scratch' work_dirs/image_captioning/mplug2_small_stamps_scratch \\
        --run 'real weights' work_dirs/image_captioning/mplug2_small_stamps --key loss loss_caption CIDEr-D

Reads MMEngine's ``vis_data/scalars.json`` of a work directory; a resumed run's steps, logged twice, count as logged last.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

LABELS = {'loss': 'training loss', 'loss_caption': 'validation loss'}


def read_curve(folder: Path, key: str) -> tuple[list[int], list[float]]:
    """Steps and values of a scalar. If training and validation log a loss under one name, it is validation's.

    Raises:
        KeyError: the run did not log it; names the logged scalars.
    """
    points: dict[int, float] = {}
    logged: set[str] = set()
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            logged |= set(record)
            validation = 'loss' not in record
            if key in record and (validation or key == 'loss' or not key.startswith('loss')):
                points[record['step']] = record[key]
    if not points:
        raise KeyError(
            f'{folder}: no scalar {key!r} in */vis_data/scalars.json, which has {", ".join(sorted(logged)) or "none"}'
        )
    steps = sorted(points)
    return steps, [points[step] for step in steps]


def plot(runs: dict[str, Path], keys: list[str], path: Path) -> None:
    """Plot `keys` of `runs` (label -> work directory)."""
    from matplotlib.figure import Figure  # not pyplot, which may need a screen

    figure = Figure(figsize=(4.2 * len(keys), 3.2), dpi=130)
    for column, key in enumerate(keys, 1):
        axes = figure.add_subplot(1, len(keys), column)
        for label, folder in runs.items():
            steps, values = read_curve(folder, key)
            axes.plot(steps, values, marker='o' if len(steps) < 20 else None, markersize=3, label=label)
        axes.set_xlabel('step')
        axes.set_title(LABELS.get(key, key), fontsize=10)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, help='the image to write')
    parser.add_argument('--run', nargs=2, action='append', required=True, metavar=('LABEL', 'WORK_DIR'))
    parser.add_argument('--key', nargs='+', default=['loss'], help='names of scalars')
    args = parser.parse_args()
    plot({label: Path(folder) for label, folder in args.run}, args.key, args.out)
    print(args.out)


if __name__ == '__main__':
    main()
