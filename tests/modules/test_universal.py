"""Universal layers in both forms against the equations, and what uni-modal tasks read of them."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mplug2.modules import BertTextEncoder, DualVisionEncoder, FusionLayers, UniversalLayers
from mplug2.networks import Features, MPlug2Network
from mplug2.structures import Batch
from tests.modules.helpers import VOCAB, randomize, small_network, some_frames, some_text

TOLERANCE = dict(rtol=1e-4, atol=1e-5)


def parts_of(layer):
    """SA, CA and FFN of a layer, each with its LN(x + .)."""

    def self_attend(x, mask=None):
        return layer.self_residual.norm(layer.self_attention(x, mask) + x)

    def cross_attend(x, memory):
        return layer.cross_residual.norm(layer.cross_attention(x, memory) + x)

    def feed(x):
        return layer.feed_forward_residual.norm(layer.feed_forward(x) + x)

    return self_attend, cross_attend, feed


@pytest.mark.parametrize('num_layers', [1, 2, 3])
def test_the_paper_form_follows_equations_6_to_10(num_layers: int) -> None:
    universal = UniversalLayers(16, num_layers, 2, 24, num_queries=3, form='paper')
    randomize(universal).eval()
    tokens, encoded = torch.randn(2, 9, 16), torch.randn(2, 5, 16)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()
    queries, text = universal.queries.expand(2, -1, -1), encoded
    for layer in universal.layers:
        self_attend, cross_attend, feed = parts_of(layer)
        queries = feed(cross_attend(self_attend(queries), tokens))  # Eq. 6, 8, 9
        text = feed(self_attend(text, mask[:, None, None]))  # Eq. 7, 10
    ours, alone = universal.vision(tokens)
    assert_close(ours, queries, **TOLERANCE)
    assert_close(universal.text(encoded, mask)[mask], text[mask], **TOLERANCE)

    # Without text, vision is combined with its own queries.
    attend, norm = universal.merge_attention, universal.merge_residual.norm
    assert_close(alone, norm(attend(tokens, queries) + tokens), **TOLERANCE)
    # With text, the encoders' outputs are combined with [queries; text], padding left out: sample 1 has three words.
    vision, combined = universal.combine(tokens, queries, encoded, text, mask)
    for sample, words in ((0, 5), (1, 3)):
        shared = torch.cat([queries[sample], text[sample, :words]])[None]
        for whole, part in ((vision, tokens), (combined, encoded)):
            one = part[sample : sample + 1]
            assert_close(whole[sample], norm(attend(one, shared) + one)[0], **TOLERANCE)


def test_the_release_form_swaps_roles_in_the_last_layer() -> None:
    universal = randomize(UniversalLayers(16, 3, 2, 24, num_queries=3)).eval()
    tokens = torch.randn(2, 9, 16)
    queries = universal.queries.expand(2, -1, -1)
    for layer in universal.layers[:2]:
        self_attend, cross_attend, feed = parts_of(layer)
        queries = feed(cross_attend(self_attend(queries), tokens))
    self_attend, cross_attend, feed = parts_of(universal.layers[2])
    out = feed(cross_attend(self_attend(tokens), queries))
    ours, memory = universal.vision(tokens)
    assert_close(ours, queries, **TOLERANCE)
    assert_close(memory, universal.merge_norm(tokens + out), **TOLERANCE)


@pytest.mark.parametrize('form', ['release', 'paper'])
def test_text_and_vision_share_the_weights_that_they_should(form: str) -> None:
    """Self-attention and feed-forward are shared, cross-attention serves vision alone."""
    network = small_network(form)
    features = Features(network, Batch(frames=some_frames(2, 2), text=some_text(2, 6)))
    layer = network.universal.layers[0]
    shared = [layer.self_attention.qkv.weight, layer.feed_forward.up.weight]
    for output in (features.vision().memory, features.text().tokens):
        grads = torch.autograd.grad(output.square().sum(), shared, retain_graph=True)
        assert all(grad.abs().sum() > 0 for grad in grads)
    weight = layer.cross_attention.query.weight
    assert torch.autograd.grad(features.text().tokens.sum(), weight, allow_unused=True) == (None,)
    assert torch.autograd.grad(features.vision().memory.square().sum(), weight)[0].abs().sum() > 0


@pytest.mark.parametrize('form', ['release', 'paper'])
def test_uni_modal_rows_read_vision_without_text(form: str) -> None:
    """Vision is computed without any text, has passed the universal layers, and its first token represents the clip."""
    network = small_network(form)
    network.text_encoder = network.fusion = network.decoder = None
    vision = Features(network, Batch(frames=some_frames(2, 3))).vision()
    assert vision.memory.shape == vision.tokens.shape == (2, 1 + 3 * 16, 32)
    assert vision.queries.shape == (2, 5, 32)
    assert vision.pooled.shape == (2, 32)
    vision.pooled.square().sum().backward()
    assert network.universal.queries.grad.abs().sum() > 0


@pytest.mark.parametrize('form', ['release', 'paper'])
def test_a_multi_modal_pass_reads_every_parameter(form: str) -> None:
    network = small_network(form)
    network.decoder = None
    Features(network, Batch(frames=some_frames(2, 2), text=some_text(2, 6))).fused().text.square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize('form', ['release', 'paper'])
def test_fused_vision_sees_text_only_in_the_paper_form(form: str) -> None:
    network = small_network(form)
    frames = some_frames(2, 2)
    fused = [Features(network, Batch(frames=frames, text=some_text(2, 6, seed))).fused() for seed in (0, 1)]
    assert torch.allclose(fused[0].vision, fused[1].vision) == (form == 'release')


def test_a_network_without_universal_layers() -> None:
    """The ablation: vision memory is the encoder's tokens, text is the encoder's text, fusion goes on from there."""
    network = small_network()
    network.universal = None
    features = Features(network, Batch(frames=some_frames(2, 2), text=some_text(2, 6)))
    assert features.vision().queries is None
    assert features.vision().memory is features.vision().tokens
    assert features.text().tokens is features.text().encoded
    assert features.fused().text.shape == (2, 6, 32)


def test_widths_that_cannot_meet_are_refused() -> None:
    vision = DualVisionEncoder(32, 8, 48, 1, 2)
    text = BertTextEncoder(VOCAB, 32, 1, 2, 48)
    fusion = FusionLayers(32, 1, 2, 48)
    with pytest.raises(
        ValueError, match=r'vision_encoder gives 48 channels and fusion takes 32: .* projectors=dict\(vision_fusion='
    ):
        MPlug2Network(vision, text, fusion=fusion)
    universal = UniversalLayers(32, 2, 2, 48, num_queries=3, vision_width=48)
    network = MPlug2Network(vision, text, universal, fusion).eval()
    assert Features(network, Batch(frames=some_frames(1, 1))).vision().memory.shape == (1, 17, 32)


def test_forms_that_nobody_described_are_refused() -> None:
    with pytest.raises(ValueError, match="form is one of 'release', 'paper', not 'swap'"):
        UniversalLayers(16, form='swap')
    with pytest.raises(ValueError, match="form='release' needs at least 2 layers, not 1"):
        UniversalLayers(16, num_layers=1, num_heads=2)


@pytest.mark.parametrize('form', [dict(), dict(form='paper')])
def test_layers_that_are_not_shared_serve_text_alone(form: dict) -> None:
    """The ablation's middle variant: text as with shared layers, vision memory is the encoder's tokens, fusion reads both."""
    shared = small_network()
    alone = small_network()
    alone.universal = UniversalLayers(32, 2, 2, 48, dropout=0.0, shared=False, **form).eval()
    weights = alone.universal.state_dict().keys()
    assert not [key for key in weights if 'quer' in key.split('.')[0] or 'cross' in key or 'merge' in key]
    alone.universal.load_state_dict({key: shared.universal.state_dict()[key] for key in weights})
    batch = Batch(frames=some_frames(2, 2), text=some_text(2, 6))
    features, expected = Features(alone, batch), Features(shared, batch)
    assert features.vision().queries is None
    assert features.vision().memory is features.vision().tokens
    assert_close(features.vision().tokens, expected.vision().tokens)
    assert_close(features.text().tokens, expected.text().tokens)
    features.fused().text.square().sum().backward()
    assert all(parameter.grad is not None for parameter in alone.universal.parameters())


@pytest.mark.parametrize('form', ['release', 'paper'])
def test_queries_may_be_made_of_vision_before_the_first_layer(form: str) -> None:
    """Section 3.1: V^N gives k visual tokens, which then enter the layers."""
    plain = randomize(UniversalLayers(16, 2, 2, 24, num_queries=3, form=form)).eval()
    pooling = randomize(UniversalLayers(16, 2, 2, 24, num_queries=3, form=form, pool_first=True)).eval()
    plain.load_state_dict({key: pooling.state_dict()[key] for key in plain.state_dict()})
    tokens = torch.randn(1, 9, 16)
    entering = pooling.pool_residual.norm(pooling.pool_attention(pooling.queries[None], tokens) + pooling.queries)
    with torch.no_grad():
        plain.queries.copy_(entering[0])
    for ours, expected in zip(pooling.vision(tokens), plain.vision(tokens), strict=True):
        assert_close(ours, expected, **TOLERANCE)
