"""BLEU, ROUGE-L and CIDEr-D of tokenized captions, equal to the COCO caption evaluation (pycocoevalcap) but without Java.

What that package calls CIDEr is CIDEr-D: counts are clipped and a Gaussian penalises a difference in length.
Captions are sequences of words (`ptb_tokens`); a candidate has one or more references.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from .ngrams import Counts, Words, count_ngrams, look_up, word_numbers

# The official constants.
ORDERS = 4  # n-grams up to this length, of BLEU and CIDEr-D
SIGMA = 6.0  # of CIDEr-D's penalty for a difference in length, in bigrams
BETA = 1.2  # of ROUGE-L: weight of recall over precision


def _ngrams(words: Words, n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))


class Corpus:
    """Candidates and their references, of which n-grams are counted once for all scores.

    Args:
        candidates: words of each. references: of each candidate, one or more.
    """

    def __init__(self, candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> None:
        if len(candidates) != len(references):
            raise ValueError(f'{len(candidates)} candidates, but references of {len(references)}')
        self.size = len(candidates)
        self.references = np.fromiter(map(len, references), np.int64, len(references))  # number of each candidate's
        self.sample = np.repeat(np.arange(self.size), self.references)  # whose each reference is
        words, self.lengths = word_numbers([*candidates, *chain.from_iterable(references)])
        self.counts = list(count_ngrams(words, self.lengths, ORDERS))

    def orders(self) -> Iterator[tuple[Counts, Counts, np.ndarray]]:
        """For each order the rows of candidates, those of references, and whose reference each of the latter is."""
        for counts in self.counts:
            references = counts.of(slice(self.size, len(self.lengths)))
            yield counts.of(slice(0, self.size)), references, self.sample[references.caption - self.size]

    def bleu(self) -> list[float]:
        """Corpus BLEU-1 to BLEU-4, with the reference length closest to each candidate's (the shorter one on a tie)."""
        lengths, of_references = self.lengths[: self.size], self.lengths[self.size :]
        closest = np.lexsort((of_references, np.abs(of_references - lengths[self.sample]), self.sample))
        first = np.cumsum(self.references) - self.references
        length, reference_length = int(lengths.sum()), int(of_references[closest[first]].sum())
        # The official constants: an order without a match is almost zero, not zero.
        tiny, small = 1e-15, 1e-9
        ratio = (length + tiny) / (reference_length + small)
        penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
        scores, product = [], 1.0
        for order, (candidates, references, sample) in enumerate(self.orders(), start=1):
            keys = sample * references.grams + references.gram
            by_key = np.argsort(keys, kind='stable')
            keys, starts = np.unique(keys[by_key], return_index=True)
            allowed = np.maximum.reduceat(references.count[by_key], starts) if len(starts) else starts
            there, place = look_up(keys, candidates.caption * candidates.grams + candidates.gram)
            correct = int(np.minimum(candidates.count[there], allowed[place]).sum())
            guessed = int(np.maximum(lengths - order + 1, 0).sum())
            product *= (correct + tiny) / (guessed + small)
            scores.append(penalty * product ** (1 / order))
        return scores

    def cider_d(self) -> np.ndarray:
        """CIDEr-D of each candidate, with document frequencies of these references; the corpus' score is their mean."""
        similarity = np.zeros(len(self.sample))
        for candidates, references, sample in self.orders():
            documents = np.bincount(np.unique(sample * references.grams + references.gram) % references.grams)
            documents = np.pad(documents, (0, references.grams - len(documents)))
            idf = math.log(max(1, self.size)) - np.log(np.maximum(1, documents))
            idf[documents == self.size] = 0.0  # whatever the two logarithms round to
            weight, target = candidates.count * idf[candidates.gram], references.count * idf[references.gram]
            norm = np.sqrt(np.bincount(candidates.caption, weight**2, self.size))
            target_norm = np.sqrt(np.bincount(references.caption - self.size, target**2, len(self.sample)))
            keys = candidates.caption * candidates.grams + candidates.gram
            there, place = look_up(keys, sample * references.grams + references.gram)
            product = np.minimum(weight[place], target[there]) * target[there]
            dot = np.bincount(references.caption[there] - self.size, product, len(self.sample))
            norms = norm[self.sample] * target_norm
            similarity += np.divide(dot, norms, out=np.zeros(len(dot)), where=norms > 0)
        bigrams = np.maximum(0, self.lengths - 1)
        difference = bigrams[self.sample] - bigrams[self.size :]
        similarity *= np.exp(-(difference**2) / (2 * SIGMA**2))
        return 10.0 * np.bincount(self.sample, similarity, self.size) / (ORDERS * self.references)


def lcs_length(first: Words, second: Words) -> int:
    """Length of the longest common subsequence, by Hyyrö's bit-parallel recurrence."""
    positions: dict[str, int] = {}
    for position, word in enumerate(first):
        positions[word] = positions.get(word, 0) | 1 << position
    full = (1 << len(first)) - 1
    state = full
    for word in second:
        hit = state & positions.get(word, 0)
        state = ((state + hit) | (state - hit)) & full
    return len(first) - state.bit_count()


def rouge_l(words: Words, references: Sequence[Words]) -> float:
    """ROUGE-L of one caption: F-score of the best precision and the best recall over its references."""
    common = [lcs_length(words, ref) for ref in references]
    precision = max(common) / max(1, len(words))
    recall = max(length / max(1, len(ref)) for length, ref in zip(common, references, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


class DocumentFrequencies(NamedTuple):
    """Number of samples in whose references each n-gram occurs, and number of samples."""

    counts: Counter[tuple[str, ...]]
    items: int

    @classmethod
    def of(cls, references: Iterable[Sequence[Words]]) -> DocumentFrequencies:
        """Count over samples, each with one or more tokenized references."""
        counts: Counter[tuple[str, ...]] = Counter()
        items = 0
        for refs in references:
            counts.update({gram for ref in refs for order in range(1, ORDERS + 1) for gram in _ngrams(ref, order)})
            items += 1
        return cls(counts, items)


class Cooked(NamedTuple):
    """A caption as tf-idf vectors: one dict and one norm for each order, and its number of bigrams."""

    vectors: list[dict[tuple[str, ...], float]]
    norms: list[float]
    bigrams: int


class CiderD:
    """CIDEr-D of single captions, 0 to 10, with fixed document frequencies. References are cooked once.

    Args:
        frequencies: of the references of the test corpus (the official score) or of the training set (a reward).
    """

    def __init__(self, frequencies: DocumentFrequencies) -> None:
        self.counts = frequencies.counts
        self.log_items = math.log(max(1, frequencies.items))

    def cook(self, words: Words) -> Cooked:
        """The tf-idf vectors of a caption."""
        vectors = [
            {gram: count * (self.log_items - math.log(max(1, self.counts[gram]))) for gram, count in _ngrams(words, k).items()}
            for k in range(1, ORDERS + 1)
        ]
        norms = [math.sqrt(sum(weight * weight for weight in vector.values())) for vector in vectors]
        return Cooked(vectors, norms, max(0, len(words) - 1))

    def score(self, words: Words, references: Sequence[Cooked]) -> float:
        """The score of a caption against cooked references."""
        caption = self.cook(words)
        return 10.0 * sum(self._similarity(caption, reference) for reference in references) / (ORDERS * len(references))

    def _similarity(self, caption: Cooked, reference: Cooked) -> float:
        total = 0.0
        for vector, norm, target, target_norm in zip(
            caption.vectors, caption.norms, reference.vectors, reference.norms, strict=True
        ):
            if not norm or not target_norm:
                continue
            dot = 0.0
            for gram, weight in vector.items():
                other = target.get(gram)
                if other is not None:
                    dot += min(weight, other) * other
            total += dot / (norm * target_norm)
        return total * math.exp(-((caption.bigrams - reference.bigrams) ** 2) / (2 * SIGMA**2))
