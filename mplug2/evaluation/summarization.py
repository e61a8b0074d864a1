"""ROUGE of summaries, by Google's ``rouge-score``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..registry import METRICS
from ..utils.files import write_text
from .base import Metric, field, percent

_NAMES = {'rouge1': 'ROUGE-1', 'rouge2': 'ROUGE-2', 'rougeL': 'ROUGE-L'}


def gigaword_words(text: str) -> str:
    """A text with words as the Gigaword corpus has them: lower case, "n't" by itself, one way of writing unknown words.

    Tokenizers join what the corpus separates ("ca n't" comes back as "can't"), and ROUGE, which drops the apostrophe, would
    count two wrong words. Other contractions, numbers (``#``) and brackets come out the same either way.
    """
    return re.sub(r"\s*n ?' ?t\b", " n't", text.lower().replace('<unk>', 'unk'))


class _AnyScript:
    """Google's tokenizer, which knows only ASCII words; a text without any is split into the words of its own script."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def tokenize(self, text: str) -> list[str]:
        return self.tokenizer.tokenize(text) or re.findall(r'\w+', text.lower())


@METRICS.register_module()
class RougeMetric(Metric):
    """``ROUGE-1``, ``ROUGE-2`` and ``ROUGE-L``: F1 in percent, words stemmed, the best of a sample's references.

    (The ``ROUGE-L`` of captions is another one: see `rouge_l`.) Reads ``summaries`` (one or more) and ``pred_summary``.

    Args:
        stem: reduce words to their stems, as the published figures do.
        gigaword: compare words as that corpus writes them (`gigaword_words`).
        out_file: write the predictions here, one a line in the order of the samples.
        collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.

    Raises:
        ImportError: ``rouge-score`` is not installed.
    """

    REQUIRES = {'rouge_score': 'rouge-score'}
    references = ('summaries',)
    per_sample = True

    def __init__(self, stem: bool = True, gigaword: bool = False, out_file: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            from rouge_score.rouge_scorer import RougeScorer
            from rouge_score.tokenizers import DefaultTokenizer
        except ImportError as error:
            raise ImportError('RougeMetric needs the package rouge-score: pip install rouge-score') from error
        self.scorer = RougeScorer(list(_NAMES), tokenizer=_AnyScript(DefaultTokenizer(stem)))
        self.words = gigaword_words if gigaword else str
        self.out_file = out_file
        self.result_names = tuple(_NAMES.values())

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            references = list(field(sample, 'summaries', self))
            if not references:
                raise ValueError(f'RougeMetric: sample {sample.get("sample_id")!r} has no reference in its summaries')
            prediction = field(sample, 'pred_summary', self)
            scores = [self.scorer.score(self.words(reference), self.words(prediction)) for reference in references]
            best = {name: max(score[key].fmeasure for score in scores) for key, name in _NAMES.items()}
            self.results.append((best, prediction))

    def compute_metrics(self, results: list) -> dict[str, float]:
        if self.out_file is not None:
            write_text(self.out_file, ''.join(f'{prediction}\n' for _, prediction in results))
        return {name: percent([scores[name] for scores, _ in results]) for name in _NAMES.values()}
