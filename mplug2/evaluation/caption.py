"""Metrics of predicted captions."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from mmengine.logging import print_log

from ..registry import METRICS
from ..utils.installed import is_installed
from .base import Metric, field, mean, percent, write_json
from .caption_scores import Corpus, Words, rouge_l
from .ptb import ptb_tokens

if TYPE_CHECKING:
    from ..testing.tiny import TinySize


@cache
def _java_runs(name: str, files: Sequence[str] = ()) -> bool:
    """Whether pycocoevalcap's metric `name` can be computed; logs once what is missing. files: arguments of `is_installed`."""
    missing = [what for what in ('pycocoevalcap', 'java', *files) if not is_installed(what)]
    if missing:
        _left_out(name, f'{" and ".join(missing)} not found')
    return not missing


def _left_out(name: str, why: str) -> None:
    print_log(f'{name} is left out of the caption metrics: {why}', logger='current')


Texts = dict[int, list[str]]


def _texts(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> tuple[Texts, Texts]:
    """References and candidates by number, as pycocoevalcap takes them."""
    expected = {number: [' '.join(words) for words in refs] for number, refs in enumerate(references)}
    return expected, {number: [' '.join(words)] for number, words in enumerate(candidates)}


def meteor(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> float | None:
    """Corpus METEOR 1.5 of tokenized captions; None, with a notice, where Java or pycocoevalcap is missing, or Java fails."""
    if not _java_runs('METEOR'):
        return None
    from pycocoevalcap.meteor.meteor import Meteor

    scorer = None
    try:
        scorer = Meteor()
        score, _ = scorer.compute_score(*_texts(candidates, references))
    except (OSError, ValueError) as error:  # as with SPICE; Java's end is a broken pipe or an empty answer
        if scorer is not None and scorer.lock.locked():
            scorer.lock.release()  # or its destructor waits for it for ever
        _left_out('METEOR', f'Java failed ({error})')
        return None
    return score


# pycocoevalcap does not ship these files and would download them without asking.
STANFORD = (
    'pycocoevalcap/spice/lib/stanford-corenlp-3.6.0.jar',
    'pycocoevalcap/spice/lib/stanford-corenlp-3.6.0-models.jar',
)


def spice(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> float | None:
    """Mean SPICE of tokenized captions; None, with a notice, where Java, pycocoevalcap or the Stanford parser is missing, or
    Java fails (SPICE 1.0 is made for Java 8 and needs 8 GB)."""
    if not _java_runs('SPICE', STANFORD):
        return None
    from pycocoevalcap.spice.spice import Spice

    try:
        score, _ = Spice().compute_score(*_texts(candidates, references))
    except (subprocess.CalledProcessError, OSError) as error:  # must not lose the other scores of a long test
        _left_out('SPICE', str(error))
        return None
    return float(score)


def _coco_file(captions: Sequence[tuple[Any, str]]) -> Any:
    return [dict(image_id=key, caption=caption) for key, caption in captions]


def _msrvtt_file(captions: Sequence[tuple[Any, str]]) -> Any:
    result = [dict(video_id=key, caption=caption) for key, caption in captions]
    return dict(version='VERSION 1.0', result=result, external_data=dict(used='true', details='pre-training of mPLUG-2'))


FILE_FORMATS = dict(coco=_coco_file, msrvtt=_msrvtt_file)


@METRICS.register_module()
class CaptionMetric(Metric):
    """The COCO caption metrics: BLEU-1 to BLEU-4, ROUGE-L (0 to 1), CIDEr-D (0 to 10), METEOR and SPICE (0 to 1).

    Equal to pycocoevalcap with its Java tokenizer (whose "CIDEr" is CIDEr-D). ``exact_match`` is the share, in percent,
    of captions equal to one of their references after tokenization.

    Reads ``captions`` (the references), ``pred_caption``, and for the result file ``image_id`` (else ``sample_id``). Samples of
    a test split, which have no references, are written but not scored. Where samples carry ``domain`` (NoCaps), there is
    a ``CIDEr-D/<domain>`` as well.

    Args:
        meteor: compute METEOR. It needs Java and pycocoevalcap; without them it is left out with a notice.
        spice: compute SPICE. It also needs the Stanford parser's files, and takes minutes.
        out_file: write the captions here.
        file_format: 'coco': ``[{"image_id", "caption"}]``. 'msrvtt', of the MSR-VTT challenge: ``{"version", "result":
            [{"video_id", "caption"}], "external_data": {"used", "details"}}``.
        collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.
    """

    references = ('captions',)

    def __init__(
        self,
        meteor: bool = True,
        spice: bool = False,
        out_file: str | None = None,
        file_format: str = 'coco',
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if file_format not in FILE_FORMATS:
            raise ValueError(f'CaptionMetric: file_format is one of {", ".join(map(repr, FILE_FORMATS))}, not {file_format!r}')
        java = ('METEOR',) * meteor + ('SPICE',) * spice
        self.result_names = ('BLEU-[1-4]', 'ROUGE-L', 'CIDEr-D', 'CIDEr-D/*', 'exact_match', *java)
        self.file_format = file_format
        self.meteor = meteor
        self.spice = spice
        self.out_file = out_file

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['meteor'] = cfg['spice'] = False  # both start Java

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            references = list(field(sample, 'captions', self) if self.out_file is None else sample.get('captions') or [])
            if not references and self.out_file is None:
                raise ValueError(
                    f'CaptionMetric: sample {sample.get("sample_id")!r} has no reference in its captions; for a test split '
                    'give out_file'
                )
            image_id = sample.get('image_id', sample.get('sample_id'))
            self.results.append((image_id, field(sample, 'pred_caption', self), references, sample.get('domain')))

    def score_sample(self, sample: dict) -> dict[str, float]:
        if not self.is_labelled(sample):
            return {}
        words, references = ptb_tokens(sample['pred_caption']), [ptb_tokens(caption) for caption in sample['captions']]
        return {'ROUGE-L': rouge_l(words, references), 'exact_match': 100.0 * (words in references)}

    def compute_metrics(self, results: list) -> dict[str, float]:
        if self.out_file is not None:
            write_json(FILE_FORMATS[self.file_format]([record[:2] for record in results]), self.out_file)
        results = [record for record in results if record[2]]
        if not results:
            return {}
        candidates = [ptb_tokens(caption) for _, caption, *_ in results]
        references = [[ptb_tokens(ref) for ref in refs] for _, _, refs, _ in results]
        corpus = Corpus(candidates, references)
        metrics = {f'BLEU-{n}': score for n, score in enumerate(corpus.bleu(), 1)}
        metrics['ROUGE-L'] = mean([rouge_l(words, refs) for words, refs in zip(candidates, references, strict=True)])
        metrics['CIDEr-D'] = mean(corpus.cider_d().tolist())
        for domain in sorted({domain for *_, domain in results if domain is not None}):
            part = [row for row, record in enumerate(results) if record[3] == domain]
            of_domain = Corpus([candidates[i] for i in part], [references[i] for i in part])
            metrics[f'CIDEr-D/{domain}'] = mean(of_domain.cider_d().tolist())
        for name, enabled, through_java in (('METEOR', self.meteor, meteor), ('SPICE', self.spice, spice)):
            if enabled and (score := through_java(candidates, references)) is not None:
                metrics[name] = score
        metrics['exact_match'] = percent([words in refs for words, refs in zip(candidates, references, strict=True)])
        return metrics


@METRICS.register_module()
class WordAccuracy(Metric):
    """Share, in percent, of the words of a group (colours, digits, ...) that captions get right.

    A caption's words of the group are compared with those of the reference that fits best, as multisets. Words in both
    are right, out of as many as the longer of the two has. Results are ``word_accuracy/<group>``, over all samples' words.

    Reads ``captions`` and ``pred_caption``.

    Args:
        groups: name of each group, and its words or phrases. A longer phrase hides the shorter ones inside it.
        words: count only samples whose first reference has that many words of the group (1: images of one thing).
        collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.
    """

    references = ('captions',)

    def __init__(self, groups: dict[str, Sequence[str]], words: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.patterns = {}
        for group, phrases in groups.items():
            tokenized = sorted({' '.join(ptb_tokens(phrase)) for phrase in phrases}, key=len, reverse=True)
            self.patterns[group] = re.compile(rf'(?<!\S)(?:{"|".join(map(re.escape, tokenized))})(?!\S)')
        self.result_names = tuple(f'word_accuracy/{group}' for group in groups)
        self.words = words

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            caption, *references = (
                ' '.join(ptb_tokens(text)) for text in (field(sample, 'pred_caption', self), *field(sample, 'captions', self))
            )
            counts = {}  # group -> (right words, words)
            for group, pattern in self.patterns.items():
                predicted = Counter(pattern.findall(caption))
                reference_counts = [Counter(pattern.findall(reference)) for reference in references]
                if self.words is None or reference_counts[0].total() == self.words:
                    overlaps = [
                        ((predicted & reference).total(), max(predicted.total(), reference.total()))
                        for reference in reference_counts
                    ]
                    counts[group] = max(overlaps, key=lambda overlap: overlap[0] / overlap[1] if overlap[1] else 1)
            self.results.append(counts)

    def compute_metrics(self, results: list) -> dict[str, float]:
        metrics = {}
        for group in self.patterns:
            counts = [result[group] for result in results if group in result]
            total = sum(words for _, words in counts)
            metrics[f'word_accuracy/{group}'] = 100 * sum(right for right, _ in counts) / total if total else float('nan')
        return metrics
