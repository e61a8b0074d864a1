"""Wirings: how modules make vision, text and fused features, and a decoder's memory."""

from .mplug2 import Features, FusedFeatures, Network, TextFeatures, VisionFeatures

__all__ = ['Features', 'FusedFeatures', 'Network', 'TextFeatures', 'VisionFeatures']
