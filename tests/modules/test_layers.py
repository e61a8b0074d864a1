"""Attention against the explicit softmax; layers whose sequences share a memory."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mplug2.modules import layers
from mplug2.modules.cache import TokenCache
from mplug2.modules.layers import PLAIN_ATTENTION, DropPath, TextEmbedding, TransformerLayer, attention, quick_gelu
from tests.modules.helpers import randomize


@pytest.mark.parametrize('masking', ['none', 'padding', 'pairwise', 'causal'])
@pytest.mark.parametrize(('num_queries', 'memory', 'head'), [(1, 7, 16), (7, 7, 8), (12, 12, 64), (5, 33, 24)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_fast_and_plain_attention_agree(
    masking: str, num_queries: int, memory: int, head: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    if masking == 'causal':
        memory = num_queries
    torch.manual_seed(0)
    tensors = [torch.randn(3, 2, n, head, dtype=dtype, requires_grad=True) for n in (num_queries, memory, memory)]
    mask = None
    if masking == 'padding':
        mask = torch.arange(memory)[None] < torch.tensor([memory, 1, memory // 2 + 1])[:, None]
        mask = mask[:, None, None]
    elif masking == 'pairwise':
        mask = torch.rand(3, 1, num_queries, memory) > 0.3
        mask[..., 0] = True
    upstream = torch.randn(3, 2, num_queries, head, dtype=dtype)
    monkeypatch.setattr(layers, '_explicit_is_faster', lambda query, key: False)  # the fused kernel also where it is slow
    results = []
    for plain in '10':
        monkeypatch.setenv(PLAIN_ATTENTION, plain)
        out = attention(*tensors, mask=mask, causal=masking == 'causal')
        results.append([out, *torch.autograd.grad(out, tensors, upstream)])
    tolerance = dict(rtol=1e-4, atol=1e-5) if dtype == torch.float32 else dict(rtol=4e-2, atol=4e-2)
    for one, other in zip(*results, strict=True):
        assert_close(one, other, **tolerance)


def test_a_masked_key_cannot_be_seen() -> None:
    query, key, value = torch.randn(3, 1, 2, 4, 8)
    mask = torch.tensor([True, True, True, False])[None, None, None]
    before = attention(query, key, value, mask)
    value[:, :, 3] += 100
    key[:, :, 3] -= 3
    assert_close(attention(query, key, value, mask), before)


def test_sequences_of_a_sample_share_its_memory() -> None:
    """K sequences against one memory equal K copies of the memory, forward and gradient."""
    layer = randomize(TransformerLayer(16, 2, 24, cross=True)).eval()
    x, memory = torch.randn(6, 4, 16), torch.randn(2, 9, 16, requires_grad=True)
    mask = torch.ones(2, 1, 1, 9, dtype=torch.bool)
    mask[1, ..., -3:] = False
    rows = torch.tensor([0, 0, 0, 1, 1, 1])
    shared = layer(x, memory=memory, memory_mask=mask, causal=True)
    tiled = layer(x, memory=memory[rows], memory_mask=mask[rows], causal=True)
    assert_close(shared, tiled)
    assert_close(*(torch.autograd.grad(out.square().sum(), memory)[0] for out in (shared, tiled)))


@pytest.mark.parametrize('origins', [[[0, 1, 1], [2, 0, 1]], [[0], [0]]])
def test_cached_self_attention_equals_the_whole_pass(origins: list[list[int]]) -> None:
    """Of hypotheses that branch from each other, and of one a sample, beyond the room that the cache begins with."""
    layer = randomize(TransformerLayer(16, 2, 24)).eval()
    each = len(origins[0])
    x = torch.randn(2, 40, 16)  # of each sample's first hypothesis
    cache = TokenCache(1)
    whole = [x[:, :2]] * each  # the tokens of each hypothesis, (2, t, 16)
    assert_close(layer.attend_self_cached(x[:, :2], cache, 0), layer.attend_self(x[:, :2], causal=True))
    cache.end_step(2, 2)
    cache.reorder(torch.arange(2).repeat_interleave(each))
    for step in range(20 if each == 1 else 2):
        new = torch.randn(2, each, 16)
        cache.start_step(2, 2 * each)
        out = layer.attend_self_cached(new, cache, 0)
        cache.end_step(1, each)
        whole = [torch.cat([tokens, new[:, [place]]], 1) for place, tokens in enumerate(whole)]
        for place, tokens in enumerate(whole):
            assert_close(out[:, place], layer.attend_self(tokens, causal=True)[:, -1])
        order = origins[step % 2]
        whole = [whole[origin] for origin in order]
        cache.reorder(torch.tensor([*order, *(each + origin for origin in order)]))
    assert cache.length == 2 + (20 if each == 1 else 2)


def test_drop_path_keeps_the_mean_and_drops_whole_samples() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.25)
    out = drop(torch.ones(4000, 3))
    assert_close(out.unique(), torch.tensor([0.0, 4 / 3]))
    assert (out == out[:, :1]).all()
    assert out.mean().item() == pytest.approx(1.0, abs=0.05)
    assert (drop.eval()(torch.ones(9, 3)) == 1).all()


def test_text_longer_than_the_position_table_is_refused() -> None:
    with pytest.raises(ValueError, match='text of 9 tokens, but the model has 8 positions'):
        TextEmbedding(11, 4, max_positions=8)(torch.ones(1, 9, dtype=torch.long))


def test_quick_gelu_is_what_it_says() -> None:
    x = torch.linspace(-8, 8, 101, dtype=torch.float64, requires_grad=True)
    expected = x * torch.sigmoid(1.702 * x)
    assert_close(quick_gelu(x), expected)
    assert_close(*(torch.autograd.grad(y.sum(), x)[0] for y in (quick_gelu(x), expected)))


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('plain', ['0', '1'])
def test_a_query_that_may_attend_to_nothing_gets_zeros(plain: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLAIN_ATTENTION, plain)
    query, key, value = (torch.randn(2, 2, 5, 8, dtype=dtype, requires_grad=True) for _ in range(3))
    mask = torch.tensor([True, False])[:, None, None, None].expand(2, 1, 1, 5)
    out = attention(query, key, value, mask)
    out.sum().backward()
    assert not out[1].any()
    assert out[0].isfinite().all()
    assert all(tensor.grad.isfinite().all() for tensor in (query, key, value))
