"""GIT (Wang et al. 2022, arXiv:2205.14100): a language model whose first words are the tokens of an image or of frames."""

from .decoder import PrefixDecoder
from .formats import GitFormat
from .hub import git
from .network import FrameEmbedding, GitNetwork

__all__ = ['FrameEmbedding', 'GitFormat', 'GitNetwork', 'PrefixDecoder', 'git']
