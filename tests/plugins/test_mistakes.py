"""Errors about what authors of packages forget name class and rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from mplug2.model import MPlug2
from mplug2.modules.contracts import VisionTokens
from mplug2.tasks.base import Task
from mplug2.tasks.spec import TaskSpec
from tests.tasks.models import small_network_cfg, some_batch


class Mine(Task):
    """A task that needs vision alone and learns its mean; what it returns is set by a test."""

    spec = TaskSpec.of('image', 'vision')
    loss_of: Callable[[Any], Any] = staticmethod(lambda features: dict(loss=features.vision().pooled.mean()))

    def __init__(self, network: nn.Module, tokenizer: Any) -> None:
        super().__init__()

    def loss(self, features: Any, batch: Any) -> Any:
        return type(self).loss_of(features)

    def predict(self, features: Any, batch: Any) -> list:
        return batch.samples


class Encoder(nn.Module):
    """A vision encoder without a class token, that says it has one."""

    width, patch_size, image_size, num_prefix_tokens = 32, 8, 32, 1

    def forward(self, frames: torch.Tensor) -> VisionTokens:
        return VisionTokens(frames.new_zeros(len(frames), frames.shape[1] * 16, 32), frames.shape[1], (4, 4))

    def layer_groups(self) -> list:
        return []

    def resample_state(self, name: str, tensor: torch.Tensor, mode: str | None = None) -> torch.Tensor:
        return tensor


def build(task: type = Mine, **network: Any) -> MPlug2:
    return MPlug2(small_network_cfg() | network, dict(mine=dict(type=task)))


@pytest.mark.parametrize(
    ('loss_of', 'message'),
    [
        (lambda features: dict(accuracy=torch.ones(())), "Mine.loss returns accuracy: .* those with 'loss' in their name"),
        (lambda features: torch.ones(()), 'Mine.loss returns Tensor: it has to return a dict'),
        (lambda features: None, 'Mine.loss returns NoneType: it has to return a dict'),
        (
            lambda features: dict(loss=torch.ones(3)),
            r'Mine.loss returns loss as torch.Size\(\[3\]\): each value is a tensor of',
        ),
        (lambda features: dict(loss=1.0), 'Mine.loss returns loss as float: each value is a tensor of one number'),
        (
            lambda features: features.network.decoder(1),
            'Mine touches a module .*: .*decoder are absent, or dropped .* names vision',
        ),
        (lambda features: features.network.text_encoder.width, 'Mine touches a module that is not there'),
    ],
)
def test_losses_are_held_to_the_contract(monkeypatch: pytest.MonkeyPatch, loss_of: Callable[[Any], Any], message: str) -> None:
    monkeypatch.setattr(Mine, 'loss_of', staticmethod(loss_of))
    with pytest.raises(ValueError, match=message):
        build()(some_batch(2), mode='loss')


def test_a_task_says_what_it_uses() -> None:
    with pytest.raises(ValueError, match="task 'mine': Silent sets no spec"):
        build(type('Silent', (Mine,), dict(spec=None)))


def test_a_module_has_the_members_of_its_contract() -> None:
    with pytest.raises(TypeError, match='Identity is given as the vision_encoder and lacks width, patch_size, image_size'):
        build(vision_encoder=nn.Identity())


def test_an_encoder_gives_the_tokens_that_it_announces() -> None:
    with pytest.raises(ValueError, match=r'Encoder gives tokens of the shape \(2, 16, 32\), .* they are \(2, 17, 32\)'):
        build(vision_encoder=Encoder())(some_batch(2), mode='loss')


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(num_beams=1001), "task 'mine' .*num_beams=1001, and the vocabulary has 1000 words"),
        (dict(max_length=65), "task 'mine' .*max_length=65, and the decoder has 64 positions"),
    ],
)
def test_generations_beyond_the_decoder_are_refused_when_it_is_built(settings: dict, message: str) -> None:
    captioning = dict(type='Captioning', generation=dict(num_beams=1, min_length=1, max_length=4) | settings)
    with pytest.raises(ValueError, match=message):
        MPlug2(small_network_cfg(), dict(mine=captioning), dict(type='BertTokenizer', vocab='mini'))
