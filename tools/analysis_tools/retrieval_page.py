"""Draws queries with the five pictures that retrieval found for each, the right one framed.

    python tools/test.py CONFIG CHECKPOINT --cfg-options test_evaluator.0.out_file=work_dirs/found.json
    python tools/analysis_tools/retrieval_page.py CONFIG work_dirs/found.json page.png

Queries are drawn at random, not chosen; --first takes those from the start of the test.
"""

from __future__ import annotations

import argparse
import json
import random
import textwrap
from pathlib import Path

import numpy as np
from mmengine.config import Config

from mplug2 import registry
from mplug2.config import load_config
from mplug2.datasets.transforms import LoadImage, LoadVideo
from mplug2.registry import resolve

SHOWN, RIGHT, WRONG = 5, '#1a7f37', '#b42318'


def queries(cfg: Config, found: dict[str, list[dict]]) -> list[dict]:
    """What was found for each text: ``text``, ``place`` of the right picture or clip among the best (from 1, None beyond
    them), and ``media``, records of the first five with ``right``.

    Args:
        cfg: whose test data were ranked. found: as `RetrievalMetric` writes it.

    Raises:
        KeyError: nothing was searched for by texts, or other data were ranked.
    """
    dataset = registry.DATASETS.build(resolve(cfg.test_dataloader.dataset | dict(pipeline=[]), registry.DATASETS))
    records = [dataset.record(index) for index in range(len(dataset))]
    by_id = {record['sample_id']: record for record in records}
    owners = [(record['sample_id'], caption) for record in records for caption in record['captions']]
    direction = next((name for name in found if name.startswith('text_to_')), None)
    if direction is None:
        raise KeyError(f'no direction text_to_... among {", ".join(found)}')
    if len(found[direction]) != len(owners):
        raise KeyError(f'{len(found[direction])} queries were ranked, but the test data have {len(owners)} texts')
    shown = []
    for entry in found[direction]:
        owner, text = owners[entry['query']]
        best = entry['best']
        media = [by_id[name] | dict(right=name == owner) for name in best[:SHOWN]]
        shown.append(dict(text=text, place=best.index(owner) + 1 if owner in best else None, media=media))
    return shown


def draw(shown: list[dict], path: Path) -> None:
    """Draw a row a query."""
    from matplotlib.figure import Figure  # no pyplot: nothing here may need a screen

    load = {'image': LoadImage(), 'video': LoadVideo(num_frames=1)}
    figure = Figure(figsize=(1.5 * (SHOWN + 2), 1.5 * len(shown)), dpi=100)
    grid = figure.add_gridspec(len(shown), SHOWN + 2, left=0.01, right=0.99, top=0.99, bottom=0.01, wspace=0.1, hspace=0.1)
    for line, query in enumerate(shown):
        place = 'not among the first ten' if query['place'] is None else f'rank {query["place"]}'
        said = '\n'.join(textwrap.wrap(query['text'], 30)[:5])
        axes = figure.add_subplot(grid[line, :2])
        axes.axis('off')
        axes.text(0, 0.5, f'{said}\n({place})', va='center', fontsize=9, color=RIGHT if query['place'] == 1 else WRONG)
        for column, record in enumerate(query['media'], 2):
            axes = figure.add_subplot(grid[line, column])
            loaded = load[record['media']].transform(record | dict(test_mode=True))
            axes.imshow(np.asarray(loaded['frames'][0]))
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set(edgecolor=RIGHT if record['right'] else '#cccccc', linewidth=3 if record['right'] else 0.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='whose test data were ranked')
    parser.add_argument('found', type=Path, help='the out_file of RetrievalMetric')
    parser.add_argument('out', type=Path, help='the picture to write')
    parser.add_argument('--queries', type=int, default=12)
    parser.add_argument('--first', action='store_true', help='not at random')
    args = parser.parse_args()
    shown = queries(load_config(args.config), json.loads(args.found.read_text()))
    if not args.first:
        random.Random(0).shuffle(shown)
    draw(shown[: args.queries], args.out)
    print(args.out)


if __name__ == '__main__':
    main()
