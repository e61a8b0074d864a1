"""bf16 autocast: losses in full precision and close to those of fp32, gradients in the parameters' precision."""

from __future__ import annotations

import pytest
import torch

from mplug2.modules import ContrastiveHead
from mplug2.networks import Features
from mplug2.objectives import HardNegativeMatching
from mplug2.objectives.losses import contrastive_loss, matching_loss
from mplug2.structures import Batch
from tests.modules.helpers import randomize, small_network, some_frames, some_text


@pytest.mark.parametrize('form', ['release', 'paper'])
def test_losses_under_autocast(form: str) -> None:
    network = small_network(form)
    contrastive, matching = randomize(ContrastiveHead(32, 16)), randomize(HardNegativeMatching(network))
    with torch.no_grad():
        contrastive.temperature.fill_(0.2)
    batch = Batch(frames=some_frames(3, 2), text=some_text(3, 6))
    ids = some_text(3, 5, seed=1).ids

    every = torch.ones(3, dtype=torch.bool)

    def losses() -> list[torch.Tensor]:
        features = Features(network, batch)
        logits = network.decoder(ids, features.memory('fused'))
        similarity = contrastive.logits(contrastive.vision(features.vision().pooled), contrastive.text(features.text().pooled))
        assert logits.dtype == similarity.dtype == torch.float32
        return [
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten()),
            contrastive_loss(similarity, torch.eye(3)),
            matching_loss(matching(features.fused().pooled), torch.tensor([True, False, True]), every, torch.tensor(3)),
        ]

    full = losses()
    with torch.autocast('cpu', torch.bfloat16):
        half = losses()
    for one, other in zip(full, half, strict=True):
        assert other.dtype == torch.float32
        assert other.item() == pytest.approx(one.item(), rel=0.05)
    sum(half).backward()
    assert all(p.grad is None or (p.grad.dtype == torch.float32 and p.grad.isfinite().all()) for p in network.parameters())
