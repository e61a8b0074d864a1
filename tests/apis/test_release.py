"""The authors' files: every size inferred, nothing built that no forward pass reads, numbers as published."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from mplug2.apis.release import load_release
from mplug2.checkpoints import CheckpointError, MPlug2Weights, ReleaseFormat, ReleaseWeights, write_state
from mplug2.checkpoints.formats.release import USED_FUSION_LAYERS
from mplug2.modules import (
    BertTextEncoder,
    DualVisionEncoder,
    FusionLayers,
    LocalTemporal,
    TextDecoder,
    UniversalLayers,
)
from mplug2.networks import Features, MPlug2Network
from mplug2.structures import Batch, TargetBatch, Tokens
from tests import golden


def listed(size: str) -> dict[str, Tensor]:
    """The keys and shapes of a published file, without storage."""
    state = {}
    for line in (golden.FOLDER / f'names_{size}_cap.txt').read_text().splitlines():
        key, shape, first, last = re.fullmatch(r'(\S+) \(([\d, ]*)\)(?:\s+\[(\d+)\.\.(\d+)\])?', line).groups()
        sizes = [int(number) for number in re.findall(r'\d+', shape)]
        for layer in range(int(first or 0), int(last or 0) + 1):
            state[key.replace('*', str(layer))] = torch.empty(sizes, device='meta')
    return state


@pytest.mark.parametrize(('size', 'millions', 'num_layers', 'fusion'), [('base', 381, 12, 3), ('large', 1032, 24, 6)])
def test_full_sizes(size: str, millions: int, num_layers: int, fusion: int) -> None:
    state = listed(size)
    model = load_release(state, 'qa')
    network = model.network
    assert (len(network.vision_encoder.blocks), len(network.text_encoder.layers)) == (num_layers, num_layers - 2)
    assert (len(network.universal.layers), len(network.fusion.layers), len(network.decoder.layers)) == (2, fusion, 12)
    assert network.universal.queries.shape[0] == 50
    assert network.text_encoder.layers[0].self_attention.num_heads == network.text_encoder.width // 64
    used = sum(parameter.numel() for parameter in model.parameters())
    assert used / 1e6 == pytest.approx(millions, rel=0.005)
    # Every value of the file is used, listed as left out, or a tied copy of the decoder's words and bias.
    words = network.decoder.embedding.word.weight
    held = sum(value.numel() for value in state.values())
    assert held == used + sum(model.load_report.left_out.values()) + words.numel() + len(words)


def test_what_the_large_file_leaves_out() -> None:
    left_out = load_release(listed('large'), 'qa').load_report.left_out
    groups: Counter = Counter()
    for key, values in left_out.items():
        if key.startswith('visual_encoder.visual.'):
            groups['projection of CLIP'] += values
        elif key.startswith('visual_encoder.'):
            groups['text tower of CLIP'] += values
        elif key.startswith('fusion_encoder.'):
            groups['fusion'] += values
        else:
            assert re.search(r'_vision\.|decoder.*latents|position_ids', key)
            groups['dead'] += values
    millions = {group: round(values / 1e6, 1) for group, values in groups.items()}
    assert millions == {'projection of CLIP': 0.8, 'text tower of CLIP': 123.7, 'fusion': 334.1, 'dead': 33.6}
    assert sum(groups.values()) / 1e6 == pytest.approx(492, abs=0.5)


@pytest.mark.parametrize('stored', USED_FUSION_LAYERS)
def test_captioning_builds_neither_text_encoder_nor_fusion(stored: int) -> None:
    model = load_release(listed('base' if stored == 12 else 'large'), 'caption')
    assert [name for name, _ in model.network.named_children()] == ['vision_encoder', 'universal', 'decoder']


def test_generate_with_n_best_captions() -> None:
    values = golden.numbers('caption')
    model = golden.loaded_model(values, 'caption')
    ids, scores = model.generate(values['video'].transpose(1, 2), num_beams=5, min_length=4, max_length=20, num_return=5)
    assert ids == [[values[f'nbest_ids/{sample}/{place}'].tolist() for place in range(5)] for sample in range(2)]
    expected = [[values[f'nbest_scores/{sample}/{place}'] for place in range(5)] for sample in range(2)]
    assert_close(torch.tensor(scores), torch.tensor(expected), **golden.TOLERANCE)
    assert [one[:1] for one in ids] == model.generate(values['video'].transpose(1, 2))[0]  # the task's settings by default


def test_generate_answers_in_either_mode_without_dropout() -> None:
    values = golden.numbers('vqa')
    model = golden.loaded_model(values, 'qa')
    assert not model.training
    for mode, kind in ((False, torch.bool), (True, torch.long)):  # tokenizers write masks as numbers
        question = Tokens(values['question/input_ids'], values['question/attention_mask'].to(kind))
        ids, scores = model.train(mode).generate(values['video'].transpose(1, 2), question)
        assert model.training is mode
        assert ids == [[values[f'gen_ids/{sample}/0'].tolist()] for sample in range(3)]
        assert_close(
            torch.tensor(scores)[:, 0], torch.stack([values[f'gen_scores/{s}/0'] for s in range(3)]), **golden.TOLERANCE
        )


def question_batch(values: dict[str, Tensor]) -> Batch:
    mask = values['answer/attention_mask'].bool()
    loss_mask = mask & (torch.arange(mask.shape[1]) > 0)
    target = TargetBatch(values['answer/input_ids'], mask, loss_mask, torch.tensor([0, 1, 1, 2]), values['weights'])
    question = Tokens(values['question/input_ids'], values['question/attention_mask'].bool())
    return Batch(frames=values['video'].transpose(1, 2), text=question, target=target)


def test_the_task_s_loss_is_the_published_and_training_leaves_the_caller_s_weights_alone() -> None:
    values = golden.numbers('vqa')
    before = {key: value.clone() for key, value in golden.published(values).items()}
    model = golden.loaded_model(values, 'qa')
    loss = model(question_batch(values), mode='loss')['loss_answer']
    assert_close(loss, values['train_loss_no_distill'], **golden.TOLERANCE)
    loss.backward()
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    for key, value in golden.published(values).items():
        assert_close(value, before[key], rtol=0, atol=0)


@pytest.mark.parametrize('wrapper', ['model', 'module', None])
def test_files_as_published(tmp_path: Path, wrapper: str | None) -> None:
    """Wrapped, with the ``bert`` level of pre-training files, momentum copies and half precision."""
    values = golden.numbers('vqa')
    state = {}
    for key, value in golden.published(values).items():
        spelt = re.sub(r'^(text_encoder|fusion_encoder)\.', r'\1.bert.', key)
        state[spelt] = value
        first, rest = key.split('.', 1)
        state[f'{first}_m.{rest}'] = torch.zeros_like(value)
    state['text_encoder.cls.predictions.bias'] = torch.zeros(131)
    path = tmp_path / 'mPLUG2_Pretrain.pth'
    torch.save({wrapper: state, 'epoch': 3} if wrapper else state, path)
    model = load_release(path, 'qa', text_heads=golden.TEXT_HEADS, fusion_layers=golden.FUSION_LAYERS)
    expected = golden.loaded_model(values, 'qa').state_dict()
    assert model.state_dict().keys() == expected.keys()
    for key, value in model.state_dict().items():
        assert_close(value, expected[key], rtol=0, atol=0)
    assert 'text_encoder.cls.predictions.bias' in model.load_report.left_out
    assert 'visual_encoder_m.visual.class_embedding' in model.load_report.left_out


def test_half_precision_is_read_as_single() -> None:
    state = {key: value.half() for key, value in golden.published(golden.numbers('caption')).items()}
    model = load_release(state, 'caption', text_heads=golden.TEXT_HEADS)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_there_and_back() -> None:
    state = golden.published(golden.numbers('modules'))
    adapter = ReleaseFormat(golden.FUSION_LAYERS)
    back = adapter.from_mplug2(adapter.to_mplug2(state))
    tied = {'text_decoder.cls.predictions.decoder.weight', 'text_decoder.cls.predictions.decoder.bias'}
    assert back.keys() == state.keys() | tied
    for key, value in state.items():
        assert_close(back[key], value, rtol=0, atol=0)
    again = adapter.translate(back)
    assert not again.left_out


@pytest.mark.parametrize('universal', [2, 3])
@pytest.mark.parametrize('vision_width', [64, 128])
def test_other_sizes_are_inferred(universal: int, vision_width: int) -> None:
    language = dict(width=128, num_heads=2, ffn_dim=72, dropout=0.0)
    words = dict(vocab_size=110, max_positions=24)
    torch.manual_seed(0)
    network = MPlug2Network(
        vision_encoder=DualVisionEncoder(20, 5, vision_width, 1, 2, 96, dict(type=LocalTemporal, hidden_dim=24, kernel_size=5)),
        text_encoder=BertTextEncoder(num_layers=2, **words, **language),
        universal=UniversalLayers(num_layers=universal, num_queries=7, vision_width=vision_width, **language),
        fusion=FusionLayers(num_layers=3, **language),
        decoder=TextDecoder(num_layers=1, **words, **language),
    ).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    state = ReleaseFormat().from_mplug2(network.state_dict())
    model = load_release(state, 'qa', vision_heads=2, fusion_layers=3)
    frames, ids = torch.randn(2, 3, 3, 20, 20), torch.randint(1, 110, (2, 6))
    question = Tokens(ids, torch.arange(6) < torch.tensor([[6], [4]]))
    ours, theirs = (Features(one, Batch(frames=frames, text=question)).fused() for one in (model.network, network))
    assert_close(ours.vision, theirs.vision)
    assert_close(ours.text, theirs.text)
    how = dict(num_beams=3, min_length=2, max_length=6, num_return=2, start_id=5, end_id=6)
    found, scores = model.generate(frames, question, **how)
    assert [[one[0] for one in sample] for sample in found] == [[5, 5], [5, 5]]
    assert all(first >= second for first, second in scores)


def test_tied_weights_that_differ_are_refused() -> None:
    state = golden.published(golden.numbers('caption'))
    state['text_decoder.cls.predictions.decoder.bias'] = state['text_decoder.cls.predictions.bias'] + 1
    with pytest.raises(CheckpointError, match=r'decoder\.bias and .* differ'):
        load_release(state, 'caption', text_heads=golden.TEXT_HEADS)


def test_an_unknown_number_of_fusion_layers_is_asked_for() -> None:
    state = golden.published(golden.numbers('vqa'))
    with pytest.raises(CheckpointError, match=r'stores 5 fusion layers .* give fusion_layers'):
        load_release(state, 'qa', text_heads=golden.TEXT_HEADS)
    with pytest.raises(CheckpointError, match='at most 5'):
        load_release(state, 'qa', fusion_layers=6)


def test_an_incomplete_file_is_refused() -> None:
    state = golden.published(golden.numbers('caption'))
    del state['text_decoder.bert.encoder.layer.1.crossattention.self.value.bias']
    with pytest.raises(CheckpointError, match=r'lack 1 of the tensors.*layer\.1\.crossattention\.self\.value\.bias'):
        load_release(state, 'caption')
    with pytest.raises(CheckpointError, match='not a published mPLUG-2 file'):
        load_release({'bert.embeddings.word_embeddings.weight': torch.zeros(3, 3)}, 'caption')
    with pytest.raises(ValueError, match='one of caption, qa'):
        load_release(state, 'retrieval')


@pytest.mark.slow
def test_release_weights_and_our_own_files_fill_a_model_of_the_same_sizes(tmp_path: Path) -> None:
    values = golden.numbers('vqa')
    expected = golden.loaded_model(values, 'qa')
    write_state(expected.state_dict(), tmp_path / 'ours.safetensors')
    for initializer in (ReleaseWeights(golden.published(values)), MPlug2Weights(tmp_path / 'ours.safetensors')):
        model = golden.loaded_model(values, 'qa')
        for parameter in model.parameters():
            torch.nn.init.zeros_(parameter)
        initializer(model)
        for key, value in model.state_dict().items():
            assert_close(value, expected.state_dict()[key], rtol=0, atol=0)
