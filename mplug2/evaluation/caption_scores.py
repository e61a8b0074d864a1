"""BLEU, ROUGE-L and CIDEr-D of tokenized captions, equal to the COCO caption evaluation (pycocoevalcap) but without Java.

What that package calls CIDEr is CIDEr-D: counts are clipped and a Gaussian penalises a difference in length.
Captions are sequences of words (`ptb_tokens`); a candidate has one or more references.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Words = Sequence[str]


def _ngrams(words: Words, n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))


def bleu(candidates: Sequence[Words], references: Sequence[Sequence[Words]], n: int = 4) -> list[float]:
    """Corpus BLEU-1 to BLEU-n, with the reference length closest to each candidate's (the shorter one on a tie)."""
    correct, guessed = [0] * n, [0] * n
    length = reference_length = 0
    for words, refs in zip(candidates, references, strict=True):
        length += len(words)
        reference_length += min((abs(len(ref) - len(words)), len(ref)) for ref in refs)[1]
        for order in range(1, n + 1):
            ngrams = _ngrams(words, order)
            if not ngrams:
                break
            allowed: Counter[tuple[str, ...]] = Counter()
            for ref in refs:
                allowed |= _ngrams(ref, order)
            guessed[order - 1] += sum(ngrams.values())
            correct[order - 1] += sum((ngrams & allowed).values())
    # The official constants: an order without a match is almost zero, not zero.
    tiny, small = 1e-15, 1e-9
    ratio = (length + tiny) / (reference_length + small)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    scores, product = [], 1.0
    for order in range(1, n + 1):
        product *= (correct[order - 1] + tiny) / (guessed[order - 1] + small)
        scores.append(penalty * product ** (1 / order))
    return scores


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


def rouge_l(words: Words, references: Sequence[Words], beta: float = 1.2) -> float:
    """ROUGE-L of one caption: F-score of the best precision and the best recall over its references."""
    common = [lcs_length(words, ref) for ref in references]
    precision = max(common) / max(1, len(words))
    recall = max(length / max(1, len(ref)) for length, ref in zip(common, references, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision)


class DocumentFrequencies(NamedTuple):
    """Number of samples in whose references each n-gram occurs, and number of samples."""

    counts: Counter[tuple[str, ...]]
    items: int

    @classmethod
    def of(cls, references: Iterable[Sequence[Words]], n: int = 4) -> DocumentFrequencies:
        """Count over samples, each with one or more tokenized references."""
        counts: Counter[tuple[str, ...]] = Counter()
        items = 0
        for refs in references:
            counts.update({gram for ref in refs for order in range(1, n + 1) for gram in _ngrams(ref, order)})
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
        sigma: of the length penalty, in bigrams. n: longest n-gram.
    """

    def __init__(self, frequencies: DocumentFrequencies, sigma: float = 6.0, n: int = 4) -> None:
        self.counts = frequencies.counts
        self.log_items = math.log(max(1, frequencies.items))
        self.sigma = sigma
        self.n = n

    def cook(self, words: Words) -> Cooked:
        """The tf-idf vectors of a caption."""
        vectors = [
            {gram: count * (self.log_items - math.log(max(1, self.counts[gram]))) for gram, count in _ngrams(words, k).items()}
            for k in range(1, self.n + 1)
        ]
        norms = [math.sqrt(sum(weight * weight for weight in vector.values())) for vector in vectors]
        return Cooked(vectors, norms, max(0, len(words) - 1))

    def score(self, words: Words, references: Sequence[Cooked]) -> float:
        """The score of a caption against cooked references."""
        caption = self.cook(words)
        return 10.0 * sum(self._similarity(caption, reference) for reference in references) / (self.n * len(references))

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
        return total * math.exp(-((caption.bigrams - reference.bigrams) ** 2) / (2 * self.sigma**2))


def cider_d(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[float]:
    """CIDEr-D of each caption, with document frequencies of these references; the corpus' score is their mean."""
    scorer = CiderD(DocumentFrequencies.of(references))
    return [scorer.score(words, [scorer.cook(ref) for ref in refs]) for words, refs in zip(candidates, references, strict=True)]
