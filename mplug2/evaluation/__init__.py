"""Metrics: MMEngine metrics over data samples, and the pure functions they rest on."""

from .caption import CaptionMetric, WordAccuracy
from .caption_scores import CiderD, DocumentFrequencies
from .ptb import ptb_tokens
from .question_answering import ExactMatch, VQAMetric

__all__ = ['CaptionMetric', 'CiderD', 'DocumentFrequencies', 'ExactMatch', 'VQAMetric', 'WordAccuracy', 'ptb_tokens']
