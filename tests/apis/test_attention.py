"""Maps of attention: exact ones of networks whose attention is set by hand, and every part of the shipped model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from mplug2 import Inferencer
from mplug2.apis.attention import Question, explain
from mplug2.cli import main
from mplug2.modules import FusionLayers, VisionTokens
from mplug2.modules.recording import cross_attentions, record_attention
from mplug2.networks import Features, MPlug2Network
from mplug2.objectives import HardNegativeMatching
from mplug2.structures import Batch, MultiModalDataSample, Tokens
from mplug2.tasks import Retrieval

WIDTH, FRAMES, GRID = 16, 2, (2, 2)
PATCH_OF_WORD = {1: 3, 2: 8, 3: 5}  # which vision token each word's query is made for; token 0 is the clip's


class OneHotFrames(nn.Module):
    """Vision token n is the n-th unit vector, whatever the frames."""

    width, patch_size, image_size, num_prefix_tokens = WIDTH, 1, 2, 1

    def forward(self, frames: Tensor) -> VisionTokens:
        return VisionTokens(torch.eye(WIDTH)[:9].expand(len(frames), -1, -1), FRAMES, GRID)

    def layer_groups(self) -> list:
        return []

    def resample_state(self, name: str, tensor: Tensor, mode: str | None = None) -> Tensor:
        return tensor


class OneHotWords(nn.Module):
    width, vocab_size, word_table = WIDTH, WIDTH, torch.eye(WIDTH)

    def forward(self, text: Tokens) -> Tensor:
        return self.word_table[text.ids]


class Letters:
    def decode(self, ids: list[int]) -> str:
        return ''.join('?abc'[token] for token in ids)


@pytest.fixture(scope='module')
def by_hand() -> tuple[MPlug2Network, Retrieval]:
    """Keys and values are the vision tokens, word i asks for token `PATCH_OF_WORD[i]`, 'yes' reads channel 6."""
    network = MPlug2Network(OneHotFrames(), OneHotWords(), fusion=FusionLayers(WIDTH, 1, 1, 4)).eval()
    task = Retrieval(network, None, contrastive=None, matching=dict(type=HardNegativeMatching)).eval()
    (layer,) = network.fusion.layers
    with torch.no_grad():
        for weight in (*layer.parameters(), *task.matching.parameters()):
            weight.zero_()
        for norm in (layer.self_residual, layer.cross_residual, layer.feed_forward_residual):
            norm.norm.weight.fill_(1)
        for word, patch in PATCH_OF_WORD.items():
            layer.cross_attention.query.weight[patch, word] = 3.0
        layer.cross_attention.key_value.weight.copy_(torch.cat([torch.eye(WIDTH)] * 2))
        layer.cross_attention.out.weight.copy_(torch.eye(WIDTH))
        task.matching.classifier.weight[1, 6] = 1.0
    return network, task


def ask(network: MPlug2Network, task: Retrieval, kind: str) -> list:
    sample = MultiModalDataSample(metainfo=dict(media='video'))
    text = Tokens(torch.tensor([[0, 1, 2, 3], [0, 3, 2, 0]]), torch.tensor([[True] * 4, [True, True, True, False]]))
    batch = Batch(frames=torch.zeros(2, FRAMES, 3, 2, 2), text=text, samples=[sample, sample])
    question = Question('fusion', kind, None, ['abc', 'cb'], lambda media: 1, Letters())
    return explain(task, Features(network, batch), batch, question)


def test_maps_are_the_attention_that_was_set(by_hand: tuple[MPlug2Network, Retrieval]) -> None:
    network, task = by_hand
    first, second = ask(network, task, 'attention')
    assert first.names == ['abc', 'a', 'b', 'c']
    assert second.names == ['cb', 'c', 'b']
    words = torch.layer_norm(torch.eye(WIDTH), (WIDTH,), eps=1e-12)
    queries = network.fusion.layers[0].cross_attention.query.weight
    for name, word in zip('abc', PATCH_OF_WORD, strict=True):
        expected = ((queries @ words[word])[:9] / WIDTH**0.5).softmax(0)[1:].view(FRAMES, *GRID)
        assert_close(torch.from_numpy(first.of(name)), expected.detach(), rtol=1e-4, atol=1e-6)
        place = PATCH_OF_WORD[word] - 1
        assert first.peaks()[word] == (place // 4, (place % 2 + 0.5) / 2, (place % 4 // 2 + 0.5) / 2)
    assert_close(first.maps[0], first.maps[1:].mean(0))
    with pytest.raises(KeyError, match=r"no map of 'red'; there are abc, a, b, c"):
        first.of('red')


def test_grad_cam_is_where_the_answer_is_read(by_hand: tuple[MPlug2Network, Retrieval]) -> None:
    (maps, _) = ask(*by_hand, 'grad_cam')
    assert maps.names == ['abc']  # matching reads the class token alone
    places = np.flatnonzero(maps.maps[0])
    assert places.tolist() == [6 - 1]


def test_recording_changes_nothing(by_hand: tuple[MPlug2Network, Retrieval]) -> None:
    network, _ = by_hand
    inputs = torch.randn(2, 3, WIDTH), torch.ones(2, 3, dtype=torch.bool), torch.randn(2, 9, WIDTH)
    expected = network.fusion(*inputs)
    with record_attention(cross_attentions(network.fusion)) as calls:
        assert_close(network.fusion(*inputs), expected)
    assert [[tuple(weights.shape) for weights in layer] for layer in calls.values()] == [[(2, 1, 3, 9)]]
    network.fusion(*inputs)
    assert len(calls['layers.0.cross_attention']) == 1  # the hooks are gone


def test_every_part_of_the_shipped_model(model: Inferencer, mini_home: Path) -> None:
    image = str(min((mini_home / 'data/mini/coco/val2014').glob('*.jpg')))
    clip = str(min((mini_home / 'data/mini/msrvtt/videos').glob('*.mp4')))
    own = model.attention(clip).attention
    assert (own.part, own.kind, own.layer, own.maps.shape[1:]) == ('decoder', 'grad_cam', 0, (4, 5, 5))
    assert own.names == [model.caption(clip).text, *model.caption(clip).text.split()]
    given = model.attention(image, 'a red two', method='caption', kind='attention', layer=-1).attention
    assert (given.names, given.layer, len(given.maps)) == (['a red two', 'a', 'red', 'two'], 1, 4)
    assert 0 < given.maps.sum((1, 2, 3)).max() <= 1.001
    asked = model.attention(image, 'is there a red digit ?', method='answer').attention
    assert asked.names == ['is there a red digit ?', 'is', 'there', 'a', 'red', 'digit']
    queries = model.attention(image, 'a red two', part='queries').attention
    assert queries.names == ['all queries', *(f'query {number}' for number in range(1, 9))]
    assert queries.maps.any()
    phrases = [result.attention.names for result in model.attention([image, clip], ['a red two', 'a blue one'])]
    assert phrases == [['a red two'], ['a blue one']]
    for arguments, problem in (
        (dict(part='decoder', text='a two'), 'matching goes without the decoder'),
        (dict(layer=2), 'layer 2 of the decoder: there are 2'),
        (dict(method='ground'), 'ground needs a phrase'),
        (dict(method='embed', text='a two'), "attention is shown of match, answer, ground, caption, not of 'embed'"),
        (dict(part='encoder'), 'part is one of fusion, decoder, queries'),
    ):
        with pytest.raises(ValueError, match=problem):
            model.attention(image, **arguments)


def test_frames_that_are_seen(model: Inferencer, mini_home: Path) -> None:
    clip = min((mini_home / 'data/mini/msrvtt/videos').glob('*.mp4'))
    seen = model.frames(clip)
    assert seen.frames.shape == (4, 96, 96, 3)
    assert seen.times == sorted(seen.times)
    later = model.frames(clip, start=1.0)
    assert later.times[0] >= 1.0
    assert (later.frames[0] != seen.frames[0]).any()
    assert model.frames(np.zeros((6, 8, 8, 3), np.uint8)).times == []


def test_the_command(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    image = str(min((mini_home / 'data/mini/coco/val2014').glob('*.jpg')))
    line = ['attention', image, image, '--text', 'a red two', '--method', 'caption', '--out', str(tmp_path)]
    assert main(line) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert [peak['name'] for peak in first['peaks']] == ['a red two', 'a', 'red', 'two']
    assert first['image'] != second['image']
    assert Path(second['image']).read_bytes()[:2] == b'\xff\xd8'  # a JPEG
