"""The mini benchmark: one small world, every task, the official file formats, built from real digits and photographs."""

from .build import COUNTS, build, draw_scenes
from .language import WORDS, vocabulary_words
from .show import show

__all__ = ['COUNTS', 'WORDS', 'build', 'draw_scenes', 'show', 'vocabulary_words']
