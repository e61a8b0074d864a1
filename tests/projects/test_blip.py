"""BLIP against transformers, with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor
from torch.testing import assert_close
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipForQuestionAnswering,
    PreTrainedModel,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from mplug2 import Inferencer
from mplug2.apis.inputs import as_media
from mplug2.checkpoints import convert
from mplug2.checkpoints.formats.adapter import to_model_keys
from mplug2.networks import Features
from mplug2.projects.blip import BlipFormat, BlipPublishedFormat
from mplug2.structures import Batch, TargetBatch, Tokens
from tests.projects.hub import batch_of, check_round_trip, gradients_of, randomize, tiny_tower, write_images, write_tokenizer

START, END = 50, 1  # the start token is beyond the tokenizer's words, as BLIP's is
QUESTIONS = ['what is it', 'how many', 'red']


def config(width: int) -> BlipConfig:
    words = dict(vocab_size=52, max_position_embeddings=24, bos_token_id=START, sep_token_id=END, pad_token_id=0)
    return BlipConfig(
        text_config=tiny_tower(**words, eos_token_id=END),
        vision_config=tiny_tower(hidden_size=width, image_size=32, patch_size=8),
        image_text_hidden_size=24,
    )


class Case:
    """A model of transformers, its folder, ours of that folder, images and their pixels."""

    def __init__(self, kind: type[PreTrainedModel], folder: Path, width: int = 48) -> None:
        self.theirs = randomize(kind(config(width)))
        self.theirs.save_pretrained(folder, max_shard_size='60KB')
        assert len(list(folder.glob('*.safetensors'))) > 1
        self.tokenizer: Tokenizer = write_tokenizer(folder, '[CLS]', '[SEP]')
        processor = BlipImageProcessorPil(size={'height': 32, 'width': 32})
        processor.save_pretrained(folder)
        self.paths = write_images(folder / 'images')
        self.pixels: Tensor = processor([Image.open(path) for path in self.paths], return_tensors='pt')['pixel_values']
        self.inferencer = Inferencer(str(folder))
        self.model = self.inferencer.model

    def text(self, ids: list[int]) -> str:
        ids = ids[1:]
        return self.tokenizer.decode(ids[: ids.index(END)] if END in ids else ids)


@pytest.fixture(scope='module')
def captioning(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(BlipForConditionalGeneration, tmp_path_factory.mktemp('captioning'))


@pytest.fixture(scope='module')
def answering(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(BlipForQuestionAnswering, tmp_path_factory.mktemp('answering'), 32)  # the decoder reads text


@pytest.fixture(scope='module')
def retrieval(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(BlipForImageTextRetrieval, tmp_path_factory.mktemp('retrieval'))


def until_end(rows: Tensor) -> list[list[int]]:
    return [row[: row.index(END, 1) + 1] if END in row[1:] else row for row in rows.tolist()]


@pytest.mark.parametrize('beams', [1, 3])
def test_captions(captioning: Case, beams: int) -> None:
    inferencer, paths = captioning.inferencer, captioning.paths
    task = captioning.model.tasks['captioning']
    frames = [inferencer.pipeline('captioning', as_media(path), {}).packed['inputs']['frames'] for path in paths]
    batch = captioning.model.data_preprocessor(dict(inputs=dict(frames=torch.stack(frames)), data_samples=[]))['inputs']
    assert_close(batch['frames'][:, 0], captioning.pixels, rtol=0, atol=1e-4)
    theirs = captioning.theirs.generate(captioning.pixels, num_beams=beams, max_length=12)
    ids, _ = captioning.model.generate(batch['frames'], num_beams=beams, max_length=11)
    assert [best for best, *_ in ids] == until_end(theirs)
    texts = [result.text for result in inferencer.caption(paths, num_beams=beams, max_length=11)]
    assert texts == [captioning.text(row) for row in until_end(theirs)]
    assert (task.generator.settings.max_length, task.generator.settings.num_beams) == (19, 1)  # what transformers does unasked


def test_loss_and_gradients_of_captions(captioning: Case) -> None:
    ids = torch.randint(2, 50, (3, 7), generator=torch.Generator().manual_seed(0))
    ids[:, 0] = START
    captioning.theirs.zero_grad()
    theirs = captioning.theirs(captioning.pixels, input_ids=ids, labels=ids)
    theirs.loss.backward()
    real = torch.ones_like(ids, dtype=torch.bool)
    learned = real & (torch.arange(7) > 0)
    batch = Batch(frames=captioning.pixels[:, None], target=TargetBatch(ids, real, learned, torch.arange(3), torch.ones(3)))
    features = Features(captioning.model.network, batch)
    assert_close(features.vision().tokens, theirs.image_embeds, rtol=1e-4, atol=1e-5)
    assert_close(captioning.model.network.decoder(ids, features.memory('vision')), theirs.logits, rtol=1e-4, atol=1e-4)
    loss = captioning.model.tasks['captioning'].loss(features, batch)['loss_caption']
    assert_close(loss, theirs.loss, rtol=1e-4, atol=1e-5)
    loss.backward()
    compare_gradients(captioning)


def compare_gradients(case: Case) -> None:
    ours = gradients_of(case.model, BlipFormat())
    for name, parameter in case.theirs.named_parameters():
        if parameter.grad is not None:
            assert_close(ours[name], parameter.grad, rtol=1e-4, atol=1e-6, msg=lambda text, name=name: f'{name}: {text}')
    case.model.zero_grad()


@pytest.mark.parametrize('beams', [1, 3])
def test_answers(answering: Case, beams: int) -> None:
    for path, pixels, question in zip(answering.paths, answering.pixels, QUESTIONS, strict=True):
        ids, mask = batch_of(answering.tokenizer, [question], pad=0)
        expected = answering.theirs.generate(ids, pixels[None], attention_mask=mask.long(), num_beams=beams, max_length=8)
        result = answering.inferencer.answer(path, question, num_beams=beams, max_length=7)
        assert result.text == answering.text(until_end(expected)[0]).lower()
    # Of one length: transformers 5.24 adds the decoder's mask of a padded question to its scores as ones and zeros.
    ids, mask = batch_of(answering.tokenizer, ['what is', 'how two', 'are red'], pad=0)
    assert mask.all()
    labels = torch.randint(2, 50, (3, 5))
    answering.theirs.zero_grad()
    theirs = answering.theirs(ids, answering.pixels, attention_mask=mask.long(), labels=labels)
    theirs.loss.backward()
    real = torch.ones_like(labels, dtype=torch.bool)
    target = TargetBatch(labels, real, real & (torch.arange(5) > 0), torch.arange(3), torch.ones(3))
    batch = Batch(frames=answering.pixels[:, None], text=Tokens(ids, mask), target=target)
    features = Features(answering.model.network, batch)
    loss = answering.model.tasks['answering'].loss(features, batch)['loss_answer'] / 4  # a sum over the tokens of an answer
    assert_close(loss, theirs.loss, rtol=1e-4, atol=1e-5)
    loss.backward()
    compare_gradients(answering)


def test_matching_and_similarity(retrieval: Case) -> None:
    ids, mask = batch_of(retrieval.tokenizer, QUESTIONS, pad=0)
    read = dict(input_ids=ids, attention_mask=mask.long(), pixel_values=retrieval.pixels)
    cosine = retrieval.theirs(**read, use_itm_head=False).itm_score
    retrieval.theirs.zero_grad()
    match = retrieval.theirs(**read).itm_score
    match.square().sum().backward()
    network, task = retrieval.model.network, retrieval.model.tasks['retrieval']
    features = Features(network, Batch(frames=retrieval.pixels[:, None], text=Tokens(ids, mask)))
    ours = task.matching(features.fused().pooled)
    assert_close(ours, match, rtol=1e-4, atol=1e-5)
    ours.square().sum().backward()
    compare_gradients(retrieval)
    embedded = task.embed_vision(features.vision()) @ task.embed_text(features.text()).T
    assert_close(embedded, cosine, rtol=1e-4, atol=1e-5)
    results = [retrieval.inferencer.match(path, text) for path, text in zip(retrieval.paths, QUESTIONS, strict=True)]
    assert [result.score for result in results] == pytest.approx(match.softmax(1)[:, 1].tolist(), rel=1e-4)
    assert [result.similarity for result in results] == pytest.approx(cosine.diagonal().tolist(), rel=1e-3, abs=1e-5)
    # All texts with each image, whose keys and values they share.
    each = [
        retrieval.theirs(ids, pixels.expand(3, -1, -1, -1), attention_mask=mask.long()).itm_score for pixels in retrieval.pixels
    ]
    rows = torch.arange(3).repeat(3)
    ranked = task.match(network, features.text().select(rows), features.vision()).view(3, 3, 2)
    assert_close(ranked, torch.stack(each), rtol=1e-4, atol=1e-5)
    assert torch.equal(ranked.diff(dim=2).argsort(1), torch.stack(each).diff(dim=2).argsort(1))


def test_a_token_says_that_a_text_is_fused(retrieval: Case) -> None:
    """As BLIP was trained; transformers leaves the first token as it is."""
    ids, mask = batch_of(retrieval.tokenizer, QUESTIONS, pad=0)
    network = retrieval.model.network
    vision = network.encode_vision(retrieval.pixels[:, None])
    changed = torch.cat([torch.full_like(ids[:, :1], 51), ids[:, 1:]], 1)
    expected = network.fuse(network.encode_text(Tokens(changed, mask)), vision).text
    alone = network.encode_text(Tokens(ids, mask)).pooled
    network.fusion_token = 51
    try:
        text = network.encode_text(Tokens(ids, mask))
        assert_close(network.fuse(text, vision).text, expected)
        assert_close(text.pooled, alone)
    finally:
        network.fusion_token = None


@pytest.mark.parametrize('which', ['captioning', 'answering', 'retrieval'])
def test_weights_both_ways(which: str, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(which)
    state = case.theirs.state_dict()
    check_round_trip(BlipFormat(), state, case.model)
    ours, _ = convert(state, 'here')
    if which == 'retrieval':
        ours['tasks.retrieval.head.temperature'] = torch.tensor(0.05)
    published, _ = convert(ours, 'here', to='blip')
    assert 'visual_encoder.blocks.1.attn.qkv.weight' in published
    assert published.get('temp', torch.tensor(0.05)) == torch.tensor(0.05)
    published['visual_encoder_m.cls_token'] = torch.zeros(1, 1, 32)  # a momentum encoder's
    again, report = convert(published, 'here')
    assert report.left_out.keys() - {'text_decoder.cls.predictions.bias'} == {'visual_encoder_m.cls_token'}
    assert again.keys() == ours.keys()
    assert all(torch.equal(again[key], value) for key, value in ours.items())


def test_the_live_bias_is_taken(captioning: Case) -> None:
    """The prediction head adds ``decoder.bias``; what is called ``bias`` is a dead copy where the two differ."""
    state = captioning.theirs.state_dict()
    live, dead = 'text_decoder.cls.predictions.decoder.bias', 'text_decoder.cls.predictions.bias'
    state[dead] = torch.zeros_like(state[dead])
    assert torch.equal(BlipFormat().to_mplug2(state)['decoder.head.bias'], state[live])
    state[dead] = state.pop(live)
    assert torch.equal(BlipPublishedFormat().clean(state)[live], state[dead])
    own = to_model_keys(BlipFormat().to_mplug2(state), captioning.model.state_dict())
    assert own.keys() == captioning.model.state_dict().keys()
