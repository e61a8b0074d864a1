"""The mini benchmark: one small world, every task, the official file formats, built from real digits and photographs."""

from .build import COUNTS, build, draw_scenes
from .language import WORDS, vocabulary_words
from .show import show

# Module -> what to install, to build it and run tasks on it.
REQUIRES = {'sklearn': 'scikit-learn', 'skimage': 'scikit-image', 'av': 'av', 'pycocotools': 'pycocotools'}

__all__ = ['COUNTS', 'REQUIRES', 'WORDS', 'build', 'draw_scenes', 'show', 'vocabulary_words']
