"""The WordPiece vocabulary of the mini benchmark, shipped as ``mplug2/text/vocabs/mini.txt``.

``python -m mplug2.mini.vocabulary > mplug2/text/vocabs/mini.txt`` writes it anew.
"""

from __future__ import annotations

import string

from .language import vocabulary_words

SIZE = 1000
# Words of the instructions and of earlier ones. The file must not change: the shipped weights are trained with it.
_INSTRUCTIONS = (
    'find the video . answer question about describe image locate in name action object detect all objects segment classify '
    'text summarize complete'
)
_SPECIAL = ('[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]')


def vocabulary() -> list[str]:
    """1,000 entries: special tokens, the benchmark's words, every character (so that no word is unknown), unused ones.

    The unused entries serve as location tokens of grounding and the like, as in BERT's own vocabulary.
    """
    words = [*vocabulary_words(), *_INSTRUCTIONS.split()]
    characters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    pieces = [f'##{character}' for character in string.ascii_lowercase + string.digits]
    entries = list(dict.fromkeys([*_SPECIAL, *words, *characters, *pieces]))
    return entries + [f'[unused{number}]' for number in range(SIZE - len(entries))]


if __name__ == '__main__':
    print('\n'.join(vocabulary()))
