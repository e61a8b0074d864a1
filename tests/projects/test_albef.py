"""ALBEF against the published computation, with random weights under the published keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from mplug2 import Inferencer
from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.networks import Features
from mplug2.projects.albef import AlbefFormat, AlbefPretrainFormat
from mplug2.projects.albef.grounding import hottest_proposal, hottest_region
from mplug2.structures import Batch, MultiModalDataSample, TargetBatch, Tokens
from tests.projects import published
from tests.projects.hub import check_round_trip, gradients_of, write_images, write_tokenizer
from tests.projects.published import Albef, albef_state

LAYER = dict(width=published.WIDTH, num_heads=published.HEADS, ffn_dim=published.FFN)
WORDS = dict(vocab_size=published.WORDS, max_positions=published.POSITIONS, dropout=0.0)
RETRIEVAL = dict(
    media='image',
    projection_dim=published.EMBEDDING,
    contrastive=dict(type='MomentumContrast', queue_size=4),
    matching=dict(type='HardNegativeMatching'),
)


ANSWERS = ['a b c', 'd', 'e f']


@pytest.fixture
def tokenizer(tmp_path: Path) -> dict:
    write_tokenizer(tmp_path, '[CLS]', '[SEP]', first='[PAD]')
    return dict(type='FileTokenizer', vocab=str(tmp_path / 'tokenizer.json'), start='[CLS]', end='[SEP]')


def build(tasks: dict, state: dict[str, Tensor], tokenizer: dict | None = None) -> MPlug2:
    vision = dict(image_size=published.SIDE, patch_size=published.PATCH, num_layers=published.VISION_LAYERS, eps=1e-6)
    vision |= dict(activation='gelu', pre_norm_embedding=False, patch_bias=True)
    network = dict(
        type='AlbefNetwork',
        vision_encoder=dict(type='DualVisionEncoder', **vision, **LAYER),
        text_encoder=dict(type='BertTextEncoder', num_layers=published.TEXT_LAYERS, **WORDS, **LAYER),
        fusion=dict(type='FusionLayers', num_layers=published.FUSION_LAYERS, dropout=0.0, **LAYER),
        decoder=dict(type='TextDecoder', num_layers=published.DECODER_LAYERS, **WORDS, **LAYER),
    )
    model = MPlug2(network, tasks, tokenizer=tokenizer)
    ForeignWeights(state)(model)
    return model


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(5, published.WORDS, (2, 6), generator=generator)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    frames = torch.randn(2, 1, 3, published.SIDE, published.SIDE, generator=generator)
    samples = [MultiModalDataSample() for _ in range(2)]
    return Batch(frames=frames, text=Tokens(ids, mask), media_id=torch.arange(2), samples=samples)


def test_contrast_and_matching(batch: Batch) -> None:
    """With two pairs a hard negative can be sampled in one way only."""
    state = albef_state()
    model = build(dict(retrieval=dict(type='Retrieval', **RETRIEVAL)), state).train()
    check_round_trip(AlbefFormat(), state, model)
    leaves = {key: value.clone().requires_grad_() for key, value in state.items()}
    albef = Albef(leaves)
    vision, text = albef.vision(batch['frames'][:, 0]), albef.text(*batch['text'][:2])
    mask = batch['text'].mask
    image_feature = F.normalize(albef.linear(vision[:, 0], 'vision_proj'), dim=-1)
    text_feature = F.normalize(albef.linear(text[:, 0], 'text_proj'), dim=-1)
    similarity = image_feature @ text_feature.T.detach() / leaves['temp']
    back = text_feature @ image_feature.T.detach() / leaves['temp']
    targets = [0.4 * x.detach().softmax(1) + 0.6 * torch.eye(2) for x in (similarity, back)]
    contrast = sum(-(x.log_softmax(1) * y).sum(1).mean() for x, y in zip((similarity, back), targets, strict=True)) / 2
    own, other = [0, 1], [1, 0]
    pairs = [(own, own), (other, own), (own, other)]  # text, image
    fused = [albef.fuse(text[t], mask[t], vision[v])[0][:, 0] for t, v in pairs]
    logits = albef.linear(torch.cat(fused), 'itm_head')
    matching = F.cross_entropy(logits, torch.tensor([1, 1, 0, 0, 0, 0]))
    (contrast + matching).backward()

    task = model.tasks['retrieval']
    task.begin_step(model.network)
    features = Features(model.network, batch)
    losses = task.loss(features, batch)
    assert_close(features.vision().memory, vision.detach(), rtol=1e-4, atol=1e-5)
    assert_close(losses['loss_contrastive'], contrast.detach(), rtol=1e-4, atol=1e-5)
    assert_close(losses['loss_matching'], matching.detach(), rtol=1e-4, atol=1e-5)
    (losses['loss_contrastive'] + losses['loss_matching']).backward()
    found = gradients_of(model, AlbefFormat())
    for key, leaf in leaves.items():
        assert_close(found[key], leaf.grad, rtol=1e-3, atol=1e-5, msg=key)


def test_answers(batch: Batch, tokenizer: dict) -> None:
    state = albef_state(answers=True)
    task = dict(type='QuestionAnswering', media='image', answers=ANSWERS, top_k=3)
    model = build(dict(answering=task), state, tokenizer)
    check_round_trip(AlbefFormat(), state, model)
    rows = [model.tokenizers['decoder'].encode_target(answer)[0] for answer in ANSWERS]
    ids = torch.tensor([row + [1] * (5 - len(row)) for row in rows])
    mask = torch.tensor([[place < len(row) for place in range(5)] for row in rows])
    leaves = {key: value.clone().requires_grad_() for key, value in state.items()}
    albef = Albef(leaves)
    seen = batch['text'].mask
    question, _ = albef.fuse(albef.text(*batch['text'][:2]), seen, albef.vision(batch['frames'][:, 0]))
    owner, weight = torch.tensor([0, 0, 1]), torch.tensor([0.6, 0.4, 1.0])
    logits = albef.answer(ids, question[owner], seen[owner])
    losses = F.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction='none') * mask[:, 1:]
    loss = (losses.sum(1) * weight).sum() / 2
    loss.backward()
    learned = mask.clone()
    learned[:, 0] = False
    asked = batch.replace(target=TargetBatch(ids, mask, learned, owner, weight))
    ours = model.tasks['answering'].loss(Features(model.network, asked), asked)['loss_answer']
    assert_close(ours, loss.detach(), rtol=1e-4, atol=1e-5)
    ours.backward()
    found = gradients_of(model, AlbefFormat())
    for key, leaf in leaves.items():
        assert_close(found[key], leaf.grad, rtol=1e-3, atol=1e-5, msg=key)

    with torch.no_grad():
        rank, chances = [], []
        for sample in range(2):
            logits = albef.answer(ids, question[[sample] * 3], seen[[sample] * 3])
            losses = F.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction='none') * mask[:, 1:]
            first = logits[0, 0].softmax(-1)[ids[:, 1]]
            scores = (first.log() - losses.sum(1)).softmax(0)
            rank.append(ANSWERS[scores.argmax()])
            chances.append(scores.max().item())
        samples = model.eval().tasks['answering'].predict(Features(model.network, batch), batch)
    assert [sample.pred_answer for sample in samples] == rank
    assert [sample.pred_score for sample in samples] == pytest.approx(chances, rel=1e-4)


def test_where_matching_looks(batch: Batch, tokenizer: dict, tmp_path: Path) -> None:
    state = albef_state()
    model = build(dict(grounding=dict(type='GradCamGrounding', **RETRIEVAL)), state, tokenizer).eval()
    mask = batch['text'].mask
    albef = Albef({key: value.clone().requires_grad_() for key, value in state.items()})
    fused, recorded = albef.fuse(albef.text(*batch['text'][:2]), mask, albef.vision(batch['frames'][:, 0]))
    logits = albef.linear(fused[:, 0], 'itm_head')
    (gradient,) = torch.autograd.grad(logits[:, 1].sum(), recorded[2])
    heat = (recorded[2].detach() * gradient.clamp(min=0) * mask[:, None, :, None])[..., 1:].mean(1).mean(1)
    ours, odds = model.tasks['grounding'].heat(Features(model.network, batch), batch)
    assert_close(ours, heat, rtol=1e-4, atol=1e-8)
    assert_close(odds, (logits[:, 1] - logits[:, 0]).detach(), rtol=1e-4, atol=1e-5)
    (path,) = write_images(tmp_path, [(30, 60)])
    steps = [dict(type='LoadImage'), dict(type='PillowResize', size=published.SIDE)]
    model.preprocessing = dict(image=steps, text=dict(grounding=[dict(type='TokenizeText', key='phrase')]))
    result = Inferencer(model).ground(path, 'a b')
    ((left, top, right, bottom),) = result.boxes
    assert 0 <= left < right <= 60
    assert 0 <= top < bottom <= 30
    assert 0 < result.score < 1


def test_boxes_of_heat() -> None:
    heat = np.zeros((4, 4), np.float32)
    heat[1:3, 1] = 1.0
    heat[3, 3] = 0.9  # alone, so colder
    assert hottest_region(heat, 0.5) == (0.25, 0.25, 0.5, 0.75)
    assert hottest_region(0 * heat, 0.5) is None
    boxes = [(0.0, 0.0, 1.0, 1.0), (0.25, 0.25, 0.5, 0.75), (0.75, 0.0, 1.0, 0.25)]
    assert hottest_proposal(heat, boxes) == boxes[1]


def test_pre_trained_files(tokenizer: dict) -> None:
    state = albef_state('text_encoder.bert', masked=True)
    tasks = dict(retrieval=dict(type='Retrieval', **RETRIEVAL), masked=dict(type='MaskedLanguageModeling'))
    model = build(tasks, state, tokenizer)
    check_round_trip(AlbefPretrainFormat(), state, model)
    assert not AlbefFormat.recognises(state)
    assert torch.equal(model.tasks['masked'].head.bias, state['text_encoder.cls.predictions.bias'])
