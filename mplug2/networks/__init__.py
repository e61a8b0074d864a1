"""Wirings: how modules make vision, text and fused features, and a decoder's memory."""

from .base import Connection, Network
from .features import Features, FusedFeatures, TextFeatures, VisionFeatures
from .mplug2 import MPlug2Network

__all__ = ['Connection', 'Features', 'FusedFeatures', 'MPlug2Network', 'Network', 'TextFeatures', 'VisionFeatures']
