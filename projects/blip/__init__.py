"""BLIP (Li et al. 2022, arXiv:2201.12086): text layers that read images or not, and a decoder of captions and answers."""

from .formats import BlipFormat, BlipPublishedFormat
from .hub import blip
from .network import BlipNetwork

__all__ = ['BlipFormat', 'BlipNetwork', 'BlipPublishedFormat', 'blip']
