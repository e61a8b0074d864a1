"""Heads: what they return, and that similarity and words stay in full precision."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertLMPredictionHead

from mplug2.checkpoints.formats.bert import prediction_head
from mplug2.modules import ContrastiveHead, LanguageHead
from tests.modules.helpers import VOCAB, carry_over, randomize


def test_the_language_head_is_berts() -> None:
    theirs = randomize(BertLMPredictionHead(BertConfig(vocab_size=VOCAB, hidden_size=32)))
    ours = LanguageHead(32, VOCAB)
    state = {f'cls.predictions.{key}': value for key, value in theirs.state_dict().items()}
    state['cls.predictions.bias'] = theirs.decoder.bias  # the one that is added; transformers 5 ties the other in whole models
    carry_over(ours, 'head', prediction_head('head', 'cls.predictions'), state)
    x = torch.randn(2, 5, 32)
    assert_close(ours(x, theirs.decoder.weight), theirs(x), rtol=1e-4, atol=1e-5)


def test_contrastive_logits_are_cosines_over_the_temperature() -> None:
    head = randomize(ContrastiveHead(16, projection_dim=8))
    with torch.no_grad():
        head.temperature.fill_(0.1)
    x, y = torch.randn(3, 16), torch.randn(4, 16)
    vision, text = head.vision(x), head.text(y)
    assert_close(vision.norm(dim=-1), torch.ones(3))
    expected = torch.cosine_similarity(head.vision_projection(x)[:, None], head.text_projection(y)[None], dim=-1) / 0.1
    assert_close(head.logits(vision, text), expected)
    with torch.autocast('cpu', torch.bfloat16):
        assert_close(head.logits(vision, text), expected)


@pytest.mark.parametrize(('value', 'used'), [(-1.0, 0.001), (0.2, 0.2), (3.0, 0.5)])
def test_the_temperature_is_bounded(value: float, used: float) -> None:
    head = ContrastiveHead(16)
    with torch.no_grad():
        head.temperature.fill_(value)
    x = torch.nn.functional.normalize(torch.randn(2, 256), dim=-1)
    assert_close(head.logits(x, x), x @ x.T / used)


def test_a_temperature_beyond_its_bounds_comes_back() -> None:
    head = ContrastiveHead(16)
    head.temperature.data.fill_(1e-5)
    head.keep_in_bounds()
    x = torch.nn.functional.normalize(torch.randn(4, 256), dim=-1)
    head.logits(x, x).diag().sum().backward()
    assert head.temperature.item() == pytest.approx(0.001)
    assert head.temperature.grad.item() < 0


def test_initialisation_restores_the_temperature() -> None:
    head = randomize(ContrastiveHead(16, temperature=0.05))
    head.init_weights()
    assert head.temperature.item() == pytest.approx(0.05)
