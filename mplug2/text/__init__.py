"""Words in and out: tokenizers, cleaning and instructions."""

from .cleaning import clean_caption, clean_question
from .instructions import INSTRUCTIONS, instruction
from .tokenizer import BertTokenizer, PairEncoding

__all__ = ['INSTRUCTIONS', 'BertTokenizer', 'PairEncoding', 'clean_caption', 'clean_question', 'instruction']
