"""Recomputed and compiled blocks give the same losses and gradients as plain ones."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from mplug2.model import MPlug2
from mplug2.modules import (
    BertTextEncoder,
    DualVisionEncoder,
    FusionLayers,
    TextDecoder,
    UniversalLayers,
    blocks_of,
    checkpoint_blocks,
    compile_blocks,
    prepare_blocks,
)
from mplug2.networks import Features, Network
from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.structures import Batch
from mplug2.tasks import Captioning, Retrieval
from tests.modules.helpers import VOCAB, small_network, some_frames, some_text

MODULES = ['vision_encoder', 'text_encoder', 'universal', 'fusion', 'decoder']


def loss_and_gradients(network: Network, frames: int = 2, length: int = 6) -> dict[str, Tensor]:
    torch.manual_seed(0)  # of dropout
    features = Features(network, Batch(frames=some_frames(2, frames), text=some_text(2, length)))
    logits = network.decoder(some_text(2, 5, seed=1).ids, features.memory('fused'))
    loss = logits.log_softmax(-1)[..., 7].mean()
    network.zero_grad()
    loss.backward()
    found = {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}
    return {'loss': loss.detach(), **found}


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert_close(value, other[name], rtol=1e-4, atol=1e-6, msg=lambda text, name=name: f'{name}: {text}')


@pytest.mark.parametrize('form', ['release', 'paper'])
@pytest.mark.parametrize('every', [1, 2])
def test_recomputed_blocks_learn_the_same(form: str, every: int) -> None:
    """With dropout: the recomputation draws the same random numbers."""
    network = small_network(form, dropout=0.2).train()
    expected = loss_and_gradients(network)
    checkpoint_blocks(network, MODULES, every)
    assert_equal(loss_and_gradients(network), expected)


def saved_bytes(network: Network) -> int:
    """What autograd keeps for the backward pass."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network.encode_vision(some_frames(2, 4))
    return sum(kept.values())


def test_recomputing_keeps_less() -> None:
    network = small_network().train()
    before = saved_bytes(network)
    checkpoint_blocks(network, ['vision_encoder', 'universal'])
    assert saved_bytes(network) < 0.5 * before


@pytest.mark.slow
def test_compiled_blocks_learn_the_same() -> None:
    network = small_network()
    names = list(network.state_dict())
    expected, longer = loss_and_gradients(network), loss_and_gradients(network, frames=3, length=8)
    compile_blocks(network, MODULES, backend='eager')
    assert list(network.state_dict()) == names
    assert_equal(loss_and_gradients(network), expected)
    assert_equal(loss_and_gradients(network, frames=3, length=8), longer)


@pytest.mark.slow
def test_recomputed_and_compiled() -> None:
    network = small_network()
    expected = loss_and_gradients(network)
    some = ['universal']
    prepare_blocks(network, recompute=some, compile=some, options=dict(backend='aot_eager'))
    assert_equal(loss_and_gradients(network), expected)


def test_a_copy_of_a_compiled_network_is_its_own() -> None:
    """The momentum encoder is a copy: its blocks must run with its own weights."""
    network = small_network()
    compile_blocks(network, ['vision_encoder'], backend='eager')
    momentum_encoder = copy.deepcopy(network)
    before = momentum_encoder.vision_encoder(some_frames(1, 1)).tokens
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert_close(momentum_encoder.vision_encoder(some_frames(1, 1)).tokens, before)


def test_blocks_are_the_outermost() -> None:
    network = small_network()
    assert list(blocks_of(network.vision_encoder)) == list(network.vision_encoder.blocks)
    assert list(blocks_of(network.decoder)) == list(network.decoder.layers)


def test_names_that_the_network_lacks_are_refused() -> None:
    network = small_network()
    with pytest.raises(ValueError, match=r"no module 'vision' .* it has \['decoder', 'fusion'"):
        checkpoint_blocks(network, ['vision'])
    network.fusion = torch.nn.Linear(3, 3)
    with pytest.raises(ValueError, match=r'fusion \(Linear\) is not made of blocks'):
        compile_blocks(network, ['fusion'])


def test_a_config_says_how_blocks_run() -> None:
    model = MPlug2(
        network=dict(
            vision_encoder=dict(type=DualVisionEncoder, image_size=32, patch_size=8, width=32, num_layers=2, num_heads=2),
            universal=dict(type=UniversalLayers, width=32, num_layers=2, num_heads=2, ffn_dim=48, num_queries=3),
            decoder=dict(type=TextDecoder, vocab_size=VOCAB, width=32, num_layers=1, num_heads=2, ffn_dim=48),
        ),
        tasks=dict(caption=dict(type=Captioning, condition='vision')),
        blocks=dict(recompute=['vision_encoder'], every=2, compile=['decoder'], options=dict(backend='eager')),
    )
    network = model.network
    assert [block.recompute for block in network.vision_encoder.blocks] == [True, False]
    assert not any(block.recompute for block in network.universal.layers)
    assert network.decoder.layers[0]._compiled_call_impl is not None
    assert network.universal.layers[0]._compiled_call_impl is None


def test_the_momentum_encoder_is_compiled_as_its_network() -> None:
    objectives = dict(contrastive=dict(type=MomentumContrast, queue_size=4), matching=dict(type=HardNegativeMatching))
    model = MPlug2(
        network=dict(
            vision_encoder=dict(type=DualVisionEncoder, image_size=32, patch_size=8, width=32, num_layers=2, num_heads=2),
            text_encoder=dict(type=BertTextEncoder, vocab_size=VOCAB, width=32, num_layers=1, num_heads=2, ffn_dim=48),
            universal=dict(type=UniversalLayers, width=32, num_layers=2, num_heads=2, ffn_dim=48, num_queries=3),
            fusion=dict(type=FusionLayers, width=32, num_layers=1, num_heads=2, ffn_dim=48),
        ),
        tasks=dict(retrieval=dict(type=Retrieval, projection_dim=8, **objectives)),
        blocks=dict(compile=['vision_encoder', 'fusion'], options=dict(backend='eager')),
    )
    momentum_encoder = model.tasks['retrieval'].contrastive.momentum_encoder.module
    compiled = {
        name for name, part in momentum_encoder.named_children() for block in blocks_of(part) if block._compiled_call_impl
    }
    assert compiled == {'vision_encoder'}  # it has no fusion
    frames = some_frames(2, 2)
    assert_close(momentum_encoder.vision_encoder(frames).tokens, copy.deepcopy(momentum_encoder).vision_encoder(frames).tokens)
