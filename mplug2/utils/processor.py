"""What the hardware computes natively. Importing this imports no PyTorch, and on Linux neither does asking about the CPU."""

from __future__ import annotations

import os
import re
import runpy
from importlib.util import find_spec
from pathlib import Path

_LINUX = Path('/proc/cpuinfo')


def computes_bf16(device: str | None = None) -> bool:
    """Whether a kind of device multiplies bf16 natively; elsewhere it is emulated and slower than fp32.

    Args:
        device: 'cuda' or 'cpu'; the GPU, if there is one, if None.
    """
    if device is None:
        device = 'cuda' if gpu_name() is not None else 'cpu'
    if device == 'cuda':
        import torch

        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == 'cpu' and _cpu_computes_bf16()


def _cpu_computes_bf16() -> bool:
    if _LINUX.is_file():
        flags = re.search(r'^flags\s*:(.*)$', _LINUX.read_text(), re.MULTILINE)  # of x86
        return flags is not None and not {'avx512_bf16', 'amx_tile'}.isdisjoint(flags[1].split())
    import torch

    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def gpu_name() -> str | None:
    """The name of the first GPU that PyTorch can use; None without one. A build for CPUs alone is not imported for that."""
    build = runpy.run_path(str(Path(find_spec('torch').submodule_search_locations[0]) / 'version.py'))
    if not any(build.get(platform) for platform in ('cuda', 'hip')):
        return None
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
