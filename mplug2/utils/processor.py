"""What the hardware computes natively."""

from __future__ import annotations

import torch


def computes_bf16(device: str | None = None) -> bool:
    """Whether a kind of device multiplies bf16 natively; elsewhere it is emulated and slower than fp32.

    Args:
        device: 'cuda' or 'cpu'; the GPU, if there is one, if None.
    """
    if device is None:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if device == 'cuda':
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device != 'cpu':
        return False
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
