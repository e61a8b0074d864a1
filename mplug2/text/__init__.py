"""Text processing: tokenizers, cleaning and instructions."""

from .cleaning import clean_caption, clean_question
from .file_tokenizer import FileTokenizer
from .huggingface import HuggingFaceTokenizer
from .instructions import instruction, register_instruction, registered_instructions
from .tokenizer import BertTokenizer, PairEncoding

__all__ = [
    'BertTokenizer',
    'FileTokenizer',
    'HuggingFaceTokenizer',
    'PairEncoding',
    'clean_caption',
    'clean_question',
    'instruction',
    'register_instruction',
    'registered_instructions',
]
