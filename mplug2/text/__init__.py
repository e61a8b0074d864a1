"""Words in and out: tokenizers, cleaning and instructions."""

from .cleaning import clean_caption, clean_question
from .huggingface import HuggingFaceTokenizer
from .instructions import INSTRUCTIONS, instruction
from .tokenizer import BertTokenizer, PairEncoding

__all__ = [
    'INSTRUCTIONS',
    'BertTokenizer',
    'HuggingFaceTokenizer',
    'PairEncoding',
    'clean_caption',
    'clean_question',
    'instruction',
]
