"""Queries with the images or clips retrieved for them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.transforms import LoadImage, LoadVideo
from ..utils.files import replace_file
from .predictions import RIGHT, WRONG

SHOWN = 5  # media of a query


def retrieved_by_text(dataset: Any, records: Sequence[dict]) -> list[dict]:
    """The results of each text query: ``text``, ``rank`` of the right image or clip among the best (from 1, None beyond
    them), and ``media``, records of the first five with a field ``right``.

    Args:
        dataset: the gallery. records: of the queries, as the retrieval loops give them to the metrics.

    Raises:
        KeyError: the records are of another data set.
    """
    media = [dataset.record(index) for index in range(len(dataset))]
    by_id = {record['sample_id']: record for record in media}
    texts = [record for record in records if record['direction'].startswith('text_to_')]
    searched = [record['query'] for record in records if not record['direction'].startswith('text_to_')]  # without bad samples
    owners = [(name, caption) for name in searched for caption in by_id[name]['captions']]
    if len(texts) != len(owners):
        raise KeyError(f'{len(texts)} texts searched, but the data have {len(owners)}')
    shown = []
    for record in texts:
        owner, text = owners[record['query']]
        best = record['best']
        first = [by_id[name] | dict(right=name == owner) for name in best[:SHOWN]]
        shown.append(dict(text=text, rank=best.index(owner) + 1 if owner in best else None, media=first))
    return shown


def draw_retrieved(shown: list[dict], path: str | Path) -> Path:
    """Draw a row for each query of `retrieved_by_text`: its text, then the first images or clips, the right one framed.

    Returns:
        the path.
    """
    from matplotlib.figure import Figure  # not pyplot, which may need a screen

    load = {'image': LoadImage(), 'video': LoadVideo(num_frames=1, backend='pyav')}
    figure = Figure(figsize=(1.5 * (SHOWN + 2), 1.5 * len(shown)), dpi=100)
    grid = figure.add_gridspec(len(shown), SHOWN + 2, left=0.01, right=0.99, top=0.99, bottom=0.01, wspace=0.1, hspace=0.1)
    for line, query in enumerate(shown):
        rank = 'not among the first ten' if query['rank'] is None else f'rank {query["rank"]}'
        caption = '\n'.join(textwrap.wrap(query['text'], 30)[:5])
        axes = figure.add_subplot(grid[line, :2])
        axes.axis('off')
        colour = RIGHT if query['rank'] == 1 else WRONG
        axes.text(0, 0.5, f'{caption}\n({rank})', va='center', fontsize=9, color=colour, parse_math=False)
        for column, record in enumerate(query['media'], 2):
            axes = figure.add_subplot(grid[line, column])
            loaded = load[record['media']].transform(record | dict(test_mode=True))
            axes.imshow(np.asarray(loaded['frames'][0]))
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set(edgecolor=RIGHT if record['right'] else '#cccccc', linewidth=3 if record['right'] else 0.5)
    path = Path(path)
    replace_file(path, lambda file: figure.savefig(file, format=path.suffix[1:] or 'png'))
    return path
