"""SigLIP (Zhai et al. 2023, arXiv:2303.15343) and SigLIP 2 (Tschannen et al. 2025, arXiv:2502.14786): a sigmoid loss."""

from .formats import SiglipModelFormat
from .hub import siglip
from .modules import AttentionPooling, PaddedTextEncoder, PatchEncoder
from .network import SiglipNetwork

__all__ = ['AttentionPooling', 'PaddedTextEncoder', 'PatchEncoder', 'SiglipModelFormat', 'SiglipNetwork', 'siglip']
