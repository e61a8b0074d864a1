"""The n-grams of many captions as sorted arrays, from which BLEU and CIDEr-D are computed without a loop over captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

Words = Sequence[str]


class Counts(NamedTuple):
    """How often captions have n-grams of one order: one row for each n-gram of each caption, sorted by caption, then n-gram.

    caption, gram: numbers of the two. count: occurrences. grams: number of different n-grams in all captions.
    """

    caption: np.ndarray
    gram: np.ndarray
    count: np.ndarray
    grams: int

    def of(self, captions: slice) -> Counts:
        """The rows of a range of captions, which keep their numbers."""
        start, end = np.searchsorted(self.caption, [captions.start, captions.stop])
        return Counts(self.caption[start:end], self.gram[start:end], self.count[start:end], self.grams)


def word_numbers(captions: Sequence[Words]) -> tuple[np.ndarray, np.ndarray]:
    """Words as numbers, all captions end to end, and the number of words of each caption."""
    numbers: dict[str, int] = {}
    words = np.fromiter(
        (numbers.setdefault(word, len(numbers)) for word in chain.from_iterable(captions)), np.int64, sum(map(len, captions))
    )
    return words, np.fromiter(map(len, captions), np.int64, len(captions))


def count_ngrams(words: np.ndarray, lengths: np.ndarray, n: int) -> Iterator[Counts]:
    """Count the 1-grams, 2-grams, ..., n-grams of captions, exactly: n-grams have numbers, not hashes.

    Args:
        words, lengths: of `word_numbers`.
    """
    caption = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(words)) - np.repeat(np.cumsum(lengths) - lengths, lengths)  # of a word in its caption
    vocabulary = int(words.max(initial=0)) + 1
    gram, grams = words, vocabulary  # of the n-gram that ends at a word
    ends = np.arange(len(words))  # words at which an n-gram ends
    for order in range(1, n + 1):
        if order > 1:
            longer = place[ends] >= order - 1
            before = gram[np.flatnonzero(longer) - 1]  # the shorter n-gram that ends one word earlier is the row before
            ends = ends[longer]
            different, gram = np.unique(before * vocabulary + words[ends], return_inverse=True)
            grams = max(1, len(different))
        pairs, count = np.unique(caption[ends] * grams + gram, return_counts=True)
        yield Counts(pairs // grams, pairs % grams, count, grams)


def look_up(keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the sorted `keys` hold the `wanted` ones: which of those are there, and at which place."""
    if not len(keys):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    there = np.flatnonzero(keys[place] == wanted)
    return there, place[there]
