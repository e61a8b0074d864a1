"""Writes movie-review snippets with human sentiment as the TSV files of SST-2.

    python tools/data/reviews.py hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt data/reviews

The file is part of vaderSentiment (Hutto and Gilbert, 2014). Each line has a snippet's number, the mean rating of twenty people
from -4 to 4, and the text. The label is the sign of the mean; snippets with a mean of zero are dropped. Equal texts are
in one split.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mplug2.datasets.splits import split_by_hash
from mplug2.utils.files import write_text

SHARES = dict(test=12, dev=8)  # percent; the rest is training data


def read_snippets(path: Path) -> list[tuple[str, int]]:
    """Texts and labels, 1 for positive, without ties.

    Raises:
        ValueError: a line is not a number, a rating and a text.
    """
    snippets = []
    for number, line in enumerate(path.read_text(encoding='utf-8-sig').rstrip('\n').split('\n'), start=1):
        cells = line.split('\t')
        try:
            _, rating, text = cells
            mean = float(rating)
        except ValueError:
            raise ValueError(f'{path}: line {number} is not a number, a rating and a text, separated by tabs') from None
        if mean:
            snippets.append((' '.join(text.split()), int(mean > 0)))
    return snippets


def split_of(text: str) -> str:
    """The split of a text: 'train', 'dev' or 'test', by a hash of it."""
    return split_by_hash(text.lower(), SHARES)


def convert(source: Path, out: Path) -> dict[str, list[int]]:
    """Write ``train.tsv``, ``dev.tsv`` and ``test.tsv``. Returns the labels of each split."""
    rows: dict[str, list[tuple[str, int]]] = {'train': [], 'dev': [], 'test': []}
    for text, label in read_snippets(source):
        rows[split_of(text)].append((text, label))
    out.mkdir(parents=True, exist_ok=True)
    for split, members in rows.items():
        lines = ['sentence\tlabel', *(f'{text}\t{label}' for text, label in members)]
        write_text(out / f'{split}.tsv', '\n'.join(lines) + '\n')
    return {split: [label for _, label in members] for split, members in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path, help='movieReviewSnippets_GroundTruth.txt')
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    for split, labels in convert(args.source, args.out).items():
        print(f'{args.out / split}.tsv: {len(labels)} snippets, {sum(labels)} of them positive')


if __name__ == '__main__':
    main()
