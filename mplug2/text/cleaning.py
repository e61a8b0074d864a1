"""Cleaning of captions and questions as published weights were trained with."""

from __future__ import annotations

import string

_DROP = str.maketrans({mark: None for mark in ',.\'!?"()*#:;~'} | {mark: ' ' for mark in '-/'})
_PUNCTUATION = str.maketrans('', '', string.punctuation)


def clean_question(text: str, max_words: int | None = None) -> str:
    """Lower case without punctuation; hyphens and slashes become spaces.

    Args:
        max_words: further words are cut (published: 30 in training, 50 in tests).
    """
    text = text.lower().translate(_DROP).strip()
    return text if max_words is None else _cut(text, max_words)


def clean_caption(text: str, max_words: int | None = None) -> str:
    """As `clean_question`; also ``<person>`` becomes ``person`` and runs of white space one space."""
    text = ' '.join(text.lower().translate(_DROP).replace('<person>', 'person').split())
    return text if max_words is None else _cut(text, max_words)


def clean_canonical(text: str, max_words: int | None = None) -> str:
    """Lower case without ASCII punctuation, runs of white space one space (SigLIP)."""
    text = ' '.join(text.lower().translate(_PUNCTUATION).split())
    return text if max_words is None else _cut(text, max_words)


def lower(text: str, max_words: int | None = None) -> str:
    """Lower case (SigLIP 2)."""
    text = text.lower()
    return text if max_words is None else _cut(text, max_words)


def _cut(text: str, max_words: int) -> str:
    words = text.split(' ')
    return text if len(words) <= max_words else ' '.join(words[:max_words])


CLEANERS = {'question': clean_question, 'caption': clean_caption, 'canonical': clean_canonical, 'lower': lower}
