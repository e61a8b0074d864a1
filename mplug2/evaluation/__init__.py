"""Metrics: MMEngine metrics over data samples, and the pure functions that they use."""

from .caption import CaptionMetric, WordAccuracy
from .caption_scores import CiderD, DocumentFrequencies
from .classification import ClassificationMetric, RobustnessMetric
from .grounding import GroundingMetric, box_iou
from .ptb import ptb_tokens
from .question_answering import ExactMatch, VQAMetric
from .retrieval import RetrievalMetric, ranks_of_relevant, recall_at_k
from .summarization import RougeMetric
from .text_classification import GLUEMetric
from .text_qa import SQuADMetric

__all__ = [
    'CaptionMetric',
    'CiderD',
    'ClassificationMetric',
    'DocumentFrequencies',
    'ExactMatch',
    'GLUEMetric',
    'GroundingMetric',
    'RetrievalMetric',
    'RobustnessMetric',
    'RougeMetric',
    'SQuADMetric',
    'VQAMetric',
    'WordAccuracy',
    'box_iou',
    'ptb_tokens',
    'ranks_of_relevant',
    'recall_at_k',
]
