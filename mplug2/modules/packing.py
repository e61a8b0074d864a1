"""Weights laid out once for products of few rows, which a step of a generation is made of.

A step multiplies one row a hypothesis by every weight of the decoder, so that reading the weights is what takes time. The
general product copies a weight into another layout each time that it has more than three rows; here that is done once, by
oneDNN. Weights can also be rounded to int8, which is a quarter of the bytes.

Letters in shapes: R rows, I channels in, O channels out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .heads import LanguageHead
from .layers import full_precision

WEIGHTS = ('packed', 'int8')
SMALLEST = 2**18  # elements; a smaller weight stays in the caches of a processor
LARGEST = 2**31  # bytes of a module of which copies are made unasked
ROWS = range(4, 65)  # where the packed product is faster: fewer rows are not copied, more hide the copy
LIKELIEST = 32  # words of a row whose logits are computed in fp32
TYPICAL_ROWS = 8  # the layout that is right for this number is right for all of `ROWS`


class PackedWeight:
    """A copy of a weight (O, I) in another layout, made when it is first used, and again when the weight was changed.

    Args:
        kind: 'packed': the same numbers, in the precision of the rows; 'int8': rounded, with a scale for each channel out. The
            rows are then rounded to 8 bits too, with one scale.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._origin: tuple | None = None
        self._copy: object = None

    def __reduce__(self) -> tuple[type[PackedWeight], tuple[str]]:
        return PackedWeight, (self.kind,)  # a copy of the module makes its own

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
        """x (..., I) times the weight plus the bias, (..., O); None where the general product is as fast, or has to learn."""
        rows = x.numel() // x.shape[-1]
        if x.device.type != 'cpu' or torch.is_grad_enabled() or weight.numel() < SMALLEST or rows > ROWS[-1]:
            return None
        if self.kind == 'int8':
            return self._of(weight, bias, torch.int8, _quantized)(x.float()).to(x.dtype)
        if (rows < ROWS[0] and x.dtype == weight.dtype) or not _multiplies(x.dtype):
            return None
        packed = self._of(weight, None, x.dtype, _reordered)
        return torch.ops.mkldnn._linear_pointwise(x, packed, None if bias is None else bias.to(x.dtype), 'none', [], '')

    def words(self, x: Tensor, table: Tensor, bias: Tensor) -> Tensor | None:
        """Logits (..., V) in fp32 of x (..., C); None as in `product`.

        Under bf16 autocast the table is read in bf16, which rounds logits to 8 bits, and the likeliest words, among which a
        search chooses, are computed again in fp32.
        """
        bf16 = torch.is_autocast_enabled('cpu') and torch.get_autocast_dtype('cpu') == torch.bfloat16
        with full_precision(x):
            exact = x.float()
            logits = self.product(exact.bfloat16() if bf16 and self.kind == 'packed' else exact, table, bias)
            if logits is None or logits.dtype == torch.float32:
                return logits
            likeliest = logits.topk(min(LIKELIEST, logits.shape[-1]), -1).indices
            scores = (table[likeliest] @ exact[..., None])[..., 0] + bias[likeliest]
            return logits.float().scatter(-1, likeliest, scores)

    def _of(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, make: Callable) -> object:
        origin = (weight.data_ptr(), 0 if weight.is_inference() else weight._version, dtype)
        if origin != self._origin:
            self._origin, self._copy = origin, make(weight.detach(), bias, dtype)
        return self._copy


def _multiplies(dtype: torch.dtype) -> bool:
    """Whether oneDNN is there and multiplies such numbers on this processor."""
    if not torch.backends.mkldnn.is_available():
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _reordered(weight: Tensor, bias: None, dtype: torch.dtype) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.to(dtype), TYPICAL_ROWS)


def _quantized(weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    scale = weight.float().abs().amax(1).clamp(min=1e-12).double() / 127
    zeros = torch.zeros(len(weight), dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)  # such tensors are to go, for what needs a compiler today
        rounded = torch.quantize_per_channel(weight.float(), scale, zeros, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(rounded, None if bias is None else bias.detach().float())
    narrow = not torch.cpu._is_vnni_supported()  # without these instructions sums of full 8-bit products overflow
    return lambda x: torch.ops.quantized.linear_dynamic(x, packed, narrow)


class PackedLinear(nn.Linear):
    """A linear layer that reads a `PackedWeight` where that is faster. Its parameters are those of the replaced layer."""

    def __init__(self, linear: nn.Linear, kind: str) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        self.packed = PackedWeight(kind)
        self.train(linear.training)

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        out = self.packed.product(x, self.weight, self.bias)
        return F.linear(x, self.weight, self.bias) if out is None else out


def worth_packing(module: nn.Module) -> bool:
    """Whether copies of the weights of a module are small beside the memory of usual machines."""
    return sum(parameter.numel() * parameter.element_size() for parameter in module.parameters()) <= LARGEST


def pack(module: nn.Module, kind: str = 'packed') -> None:
    """Let the linear layers and word heads of a module read packed weights in inference.

    The copies take as much memory as the weights (int8: a quarter). State dicts stay as they are. Training, a GPU and
    products of many rows use the weights themselves.

    Args:
        kind: as in `PackedWeight`.

    Raises:
        ValueError: another kind.
    """
    if kind not in WEIGHTS:
        raise ValueError(f'weights are {" or ".join(map(repr, WEIGHTS))}, not {kind!r}')
    for parent in list(module.modules()):
        if isinstance(parent, LanguageHead):
            parent.packed = PackedWeight(kind)
        for name, child in parent.named_children():
            if type(child) is nn.Linear or isinstance(child, PackedLinear):
                setattr(parent, name, PackedLinear(child, kind))
