"""Temporal modules against written-out references: 3-D convolutions, loops over places, the paper's equations."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from mplug2.modules import LocalTemporal, TemporalConvolution, TemporalSelfAttention
from mplug2.modules.temporal import shifted_products, temporal_convolution
from tests.modules.helpers import randomize


def permuted_conv3d(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The published layout: (B, C, T, H, W) and a depth-wise Conv3d."""
    volume = x.permute(0, 3, 1, 2)[..., None]
    padding = (weight.shape[1] // 2, 0, 0)
    out = F.conv3d(volume, weight[:, None, :, None, None], bias, padding=padding, groups=len(weight))
    return out[..., 0].permute(0, 2, 3, 1)


@pytest.mark.parametrize('frames', [1, 2, 5])
@pytest.mark.parametrize('taps', [1, 3, 5])
@pytest.mark.parametrize('with_bias', [True, False])
def test_channels_last_convolution_equals_conv3d(frames: int, taps: int, with_bias: bool) -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(2, frames, 6, 8, requires_grad=True), torch.randn(8, taps, requires_grad=True)]
    bias = torch.randn(8, requires_grad=True) if with_bias else None
    leaves = inputs if bias is None else [*inputs, bias]
    upstream = torch.randn(2, frames, 6, 8)
    results = []
    for function in (permuted_conv3d, temporal_convolution, shifted_products):
        out = function(*inputs, bias)
        results.append([out, *torch.autograd.grad(out, leaves, upstream)])
    for found in results[1:]:
        for one, other in zip(found, results[0], strict=True):
            assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_patches_stay_contiguous() -> None:
    """No permuted copy: the linear layer after it reads its rows as they are stored."""
    assert temporal_convolution(torch.randn(2, 3, 5, 8), torch.randn(8, 3), None).is_contiguous()


def test_local_temporal_follows_the_equations() -> None:
    """Eq. 4-5, group by group: V_g = ReLU(A_g phi_g(V)), LT(V) = phi(Concat[V_1 .. V_G])."""
    module = randomize(LocalTemporal(12, hidden_dim=12, groups=3, activation='relu', bias=False))
    x = torch.randn(2, 4, 5, 12)
    parts = []
    for group in range(3):
        rows = slice(4 * group, 4 * group + 4)
        phi = F.linear(x, module.down.weight[rows], module.down.bias[rows])
        relation = torch.zeros(4, 4)  # A_g as the T x T matrix of its convolution kernel
        for t in range(4):
            for tap in range(3):
                if 0 <= t + tap - 1 < 4:
                    relation[t, t + tap - 1] = module.kernel[group, tap]
        parts.append(torch.einsum('ts,bspc->btpc', relation, phi).relu())
    assert_close(module(x), module.up(torch.cat(parts, -1)), rtol=1e-4, atol=1e-5)


def test_self_attention_mixes_frames_of_a_place_alone() -> None:
    module = randomize(TemporalSelfAttention(8, num_heads=2))
    x = torch.randn(2, 3, 4, 8)
    out = module(x)
    for place in range(4):
        assert_close(out[:, :, place], module.attention(x[:, :, place]), rtol=1e-4, atol=1e-5)


def test_convolution_equals_conv1d_at_every_place() -> None:
    module = randomize(TemporalConvolution(8, kernel_size=3))
    x = torch.randn(2, 5, 4, 8)
    out = module(x)
    for place in range(4):
        expected = module.convolution(x[:, :, place].transpose(1, 2)).transpose(1, 2)
        assert_close(out[:, :, place], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    'module', [LocalTemporal(8), TemporalSelfAttention(8, 2), TemporalConvolution(8)], ids=lambda m: type(m).__name__
)
def test_training_starts_from_the_image_model(module: torch.nn.Module) -> None:
    module.init_weights()
    assert (module(torch.randn(1, 3, 4, 8)) == 0).all()


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match='cannot be split into 3 groups'):
        LocalTemporal(16, groups=3)
    for kind in (LocalTemporal, TemporalConvolution):
        with pytest.raises(ValueError, match='kernel_size must be odd'):
            kind(16, kernel_size=4)
