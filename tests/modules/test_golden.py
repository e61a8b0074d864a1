"""Parity with the published modules: activations, losses, gradient norms, generated ids, scores and rankings."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mplug2.modules import Generation, generate, rank
from mplug2.modules.layers import PLAIN_ATTENTION
from mplug2.networks import Features
from mplug2.objectives.denominator import learned_tokens
from mplug2.objectives.language import decode_targets
from mplug2.objectives.losses import answering_loss, captioning_loss, token_losses
from mplug2.structures import Batch, TargetBatch, Tokens
from tests import golden


@pytest.fixture(params=['sdpa', 'plain'])
def attention_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLAIN_ATTENTION, '1' if request.param == 'plain' else '0')


def features_of(values: dict, question: bool = True) -> Features:
    text = Tokens(values['question/input_ids'], values['question/attention_mask'].bool()) if question else None
    network = golden.loaded_network(values, 'qa' if question else 'caption')
    return Features(network, Batch(frames=values['video'].transpose(1, 2), text=text))


def targets_of(values: dict, name: str, sample: list[int], weight: torch.Tensor | None = None) -> TargetBatch:
    mask = values[f'{name}/attention_mask'].bool()
    loss_mask = mask.clone()
    loss_mask[:, 0] = False
    weight = torch.ones(len(sample)) if weight is None else weight
    return TargetBatch(values[f'{name}/input_ids'], mask, loss_mask, torch.tensor(sample), weight)


@pytest.mark.usefixtures('attention_path')
def test_every_stage_agrees() -> None:
    values = golden.numbers('modules')
    features = features_of(values)
    real = features.batch['text'].mask
    vision = features.network.vision_encoder(features.batch['frames']).tokens
    assert_close(vision, values['outputs/visual'], **golden.TOLERANCE)
    assert_close(features.vision().tokens, values['outputs/visn_fc'], **golden.TOLERANCE)
    assert_close(features.vision().queries, values['activations/text.layer3/0'], **golden.TOLERANCE)
    assert_close(features.vision().memory, values['outputs/universal_vision'], **golden.TOLERANCE)
    assert_close(features.text().encoded[real], values['activations/text.layer2/0'][real], **golden.TOLERANCE)
    assert_close(features.text().tokens[real], values['outputs/universal_text'][real], **golden.TOLERANCE)
    assert_close(features.fused().text[real], values['outputs/fusion_text'][real], **golden.TOLERANCE)
    target = targets_of(values, 'answer', [0, 1])
    logits = decode_targets(features, features.memory('fused'), target)
    assert_close(logits[target.mask], values['outputs/decoder_logits'][target.mask], **golden.TOLERANCE)
    assert_close(token_losses(logits, target).sum(1), values['outputs/decoder_loss_per_sample_sum'], **golden.TOLERANCE)


@pytest.mark.slow
@pytest.mark.usefixtures('attention_path')
def test_vision_blocks_agree_one_by_one() -> None:
    values = golden.numbers('modules')
    encoder = golden.loaded_network(values).vision_encoder
    seen = []
    for block in encoder.blocks:
        block.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    encoder(values['video'].transpose(1, 2))
    for number, output in enumerate(seen):  # published as (tokens, B*T, C)
        assert_close(output.transpose(0, 1), values[f'activations/vis.block{number}/0'], **golden.TOLERANCE)


def norm_of(names: tuple[str, ...], norms: dict[str, float]) -> float | None:
    if any(name not in norms for name in names):
        return None
    return sum(norms[name] ** 2 for name in names) ** 0.5


def assert_gradients_agree(network: torch.nn.Module, values: dict, norms: dict[str, float]) -> None:
    ours = dict(network.named_parameters())
    compared = 0
    for entry in golden.release_entries(golden.published(values)):
        expected = norm_of(entry.theirs, norms)
        if expected is None or entry.ours not in ours:
            continue
        grad = ours[entry.ours].grad
        actual = 0.0 if grad is None else grad.norm().item()
        assert actual == pytest.approx(expected, rel=1e-3, abs=1e-5), entry.ours
        compared += 1
    assert compared > 0.9 * len(ours)


def test_question_answering_loss_and_gradients() -> None:
    values = golden.numbers('vqa')
    features = features_of(values)
    target = targets_of(values, 'answer', [0, 1, 1, 2], values['weights'])
    loss = answering_loss(decode_targets(features, features.memory('fused'), target), target, 3)
    assert_close(loss, values['train_loss_no_distill'], **golden.TOLERANCE)
    loss.backward()
    assert_gradients_agree(features.network, values, golden.gradient_norms('vqa'))


def test_captioning_loss_and_gradients() -> None:
    values = golden.numbers('caption')
    features = features_of(values, question=False)
    target = targets_of(values, 'caption', [0, 1])
    loss = captioning_loss(decode_targets(features, features.memory('vision'), target), target, learned_tokens(target))
    assert_close(loss, values['train_loss'], **golden.TOLERANCE)
    loss.backward()
    assert_gradients_agree(features.network, values, golden.gradient_norms('caption'))


@pytest.mark.usefixtures('attention_path')
def test_answers_and_ranking() -> None:
    values = golden.numbers('vqa')
    features = features_of(values)
    memory = features.memory('fused')
    found = generate(features.network.decoder, memory, Generation(5, 1, 10), golden.START, golden.END)
    for sample, (best,) in enumerate(found):
        assert best.ids == values[f'gen_ids/{sample}/0'].tolist()
        assert best.score == pytest.approx(values[f'gen_scores/{sample}/0'].item(), rel=1e-4, abs=1e-5)
    mask = values['candidates/attention_mask'].bool()
    index, probability = rank(features.network.decoder, memory, values['candidates/input_ids'], mask, 8)
    assert index.tolist() == values['rerank_ids'].tolist()
    assert_close(probability, values['rerank_probs'], **golden.TOLERANCE)


@pytest.mark.usefixtures('attention_path')
def test_n_best_captions() -> None:
    values = golden.numbers('caption')
    features = features_of(values, question=False)
    how = Generation(num_beams=5, min_length=4, max_length=20, num_return=5)
    found = generate(features.network.decoder, features.memory('vision'), how, golden.START, golden.END)
    for sample, hypotheses in enumerate(found):
        for place, hypothesis in enumerate(hypotheses):
            assert hypothesis.ids == values[f'nbest_ids/{sample}/{place}'].tolist()
            expected = values[f'nbest_scores/{sample}/{place}'].item()
            assert hypothesis.score == pytest.approx(expected, rel=1e-4, abs=1e-5)
