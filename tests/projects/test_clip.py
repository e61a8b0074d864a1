"""CLIP against transformers' CLIPModel, with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.testing import assert_close
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from mplug2 import Inferencer
from mplug2.checkpoints import ForeignWeights, convert, read_state
from mplug2.model import MPlug2
from mplug2.networks import Features
from mplug2.projects.clip import ClipModelFormat, OpenClipModelFormat
from mplug2.structures import Batch, Tokens
from tests.projects.hub import (
    batch_of,
    check_round_trip,
    gradients_of,
    pixels_of,
    randomize,
    tiny_tower,
    write_images,
    write_tokenizer,
)

TEXTS = ['a red dog', 'two', 'the blue one runs']


@pytest.fixture(scope='module')
def reference(tmp_path_factory: pytest.TempPathFactory) -> CLIPModel:
    tokenizer = write_tokenizer(tmp_path_factory.mktemp('words'), '<start>', '<end>')
    words = dict(bos_token_id=0, eos_token_id=1, pad_token_id=1)
    config = CLIPConfig(
        text_config=tiny_tower(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=20, **words),
        vision_config=tiny_tower(hidden_size=48, image_size=32, patch_size=8),
        projection_dim=24,
    )
    return randomize(CLIPModel(config))


@pytest.fixture(scope='module')
def folder(reference: CLIPModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As on the hub, its weights in several files."""
    folder = tmp_path_factory.mktemp('hub')
    reference.save_pretrained(folder, max_shard_size='100KB')
    write_tokenizer(folder, '<start>', '<end>')
    CLIPImageProcessorPil(size={'shortest_edge': 32}, crop_size=32).save_pretrained(folder)
    assert len(list(folder.glob('*.safetensors'))) > 1
    return folder


def test_files_and_texts_as_transformers_reads_them(folder: Path, reference: CLIPModel, tmp_path: Path) -> None:
    model = Inferencer(str(folder))
    paths = write_images(tmp_path)
    pixels = CLIPImageProcessorPil.from_pretrained(folder)([Image.open(path) for path in paths], return_tensors='pt')
    assert_close(pixels_of(model, paths), pixels['pixel_values'], rtol=0, atol=1e-4)
    ids, mask = batch_of(write_tokenizer(tmp_path / 'words', '<start>', '<end>'), TEXTS, pad=1)
    with torch.no_grad():
        theirs = reference(input_ids=ids, attention_mask=mask.long(), **pixels)
    ours = torch.stack([torch.from_numpy(result.embedding) for result in model.embed(paths)])
    words = torch.stack([torch.from_numpy(result.embedding) for result in model.embed_text(TEXTS, 'image')])
    assert_close(ours, theirs.image_embeds, rtol=1e-4, atol=1e-5)
    assert_close(words, theirs.text_embeds, rtol=1e-4, atol=1e-5)
    for text, row in zip(TEXTS, theirs.logits_per_text, strict=True):
        ranked = [result.source for result in model.search(paths, text)]
        assert ranked == [str(paths[place]) for place in row.argsort(descending=True).tolist()]
    match = model.match(paths[0], TEXTS[1])
    assert match.score is None  # nothing has learned a probability
    assert match.similarity == pytest.approx((ours[0] @ words[1]).item(), rel=1e-4)
    result = model.classify(paths[0], class_names=TEXTS)
    chances = theirs.logits_per_image[0].softmax(0)
    assert result.text == TEXTS[chances.argmax()]
    assert result.score == pytest.approx(chances.max().item(), rel=1e-4)


@pytest.fixture(scope='module')
def model(folder: Path) -> MPlug2:
    return Inferencer(str(folder)).model


def test_loss_and_gradients(model: MPlug2, reference: CLIPModel, tmp_path: Path) -> None:
    ids, mask = batch_of(write_tokenizer(tmp_path, '<start>', '<end>'), TEXTS, pad=1)
    frames = torch.randn(3, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    theirs = reference(input_ids=ids, attention_mask=mask.long(), pixel_values=frames[:, 0], return_loss=True)
    reference.zero_grad()
    theirs.loss.backward()
    batch = Batch(frames=frames, text=Tokens(ids, mask), media_id=torch.arange(3))
    features = Features(model.network, batch)
    losses = model.tasks['retrieval'].loss(features, batch)
    assert_close(losses['loss_contrastive'], theirs.loss, rtol=1e-4, atol=1e-5)
    assert_close(features.text().encoded[mask], theirs.text_model_output.last_hidden_state[mask], rtol=1e-4, atol=1e-4)
    losses['loss_contrastive'].backward()
    gradients = gradients_of(model, ClipModelFormat())
    for name, parameter in reference.named_parameters():
        assert_close(gradients[name], parameter.grad, rtol=1e-3, atol=1e-5, msg=name)
    model.zero_grad()


def test_weights_both_ways(model: MPlug2, folder: Path, reference: CLIPModel, tmp_path: Path) -> None:
    state = reference.state_dict()
    check_round_trip(ClipModelFormat(), state, model)
    ours, _ = convert(state, 'here')
    back, _ = convert(ours, 'here', to='clip-model-hf')
    assert all(torch.equal(back[key], value) for key, value in state.items())
    openai, _ = convert(ours, 'here', to='clip-model')
    assert torch.equal(openai['visual.proj'], state['visual_projection.weight'].T)
    assert openai['transformer.resblocks.1.attn.in_proj_weight'].shape == (96, 32)
    check_round_trip(OpenClipModelFormat(), openai, model)
    again = MPlug2(**model.config)
    ForeignWeights(openai)(again)
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in again.state_dict().items())
    model.save_pretrained(tmp_path)
    saved = Inferencer(str(tmp_path))
    assert json.loads((tmp_path / 'config.json').read_text())['model']['network']['type'] == 'ClipNetwork'
    assert (saved.embed_text('a dog').embedding == Inferencer(model).embed_text('a dog').embedding).all()
    assert read_state(tmp_path).keys() == model.state_dict().keys()


def test_the_frames_of_a_clip_are_images_and_their_mean_is_the_clip(model: MPlug2, reference: CLIPModel) -> None:
    frames = torch.randn(2, 3, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        vision = model.network.encode_vision(frames)
        images = reference.get_image_features(pixel_values=frames.flatten(0, 1)).pooler_output
    assert vision.tokens.shape == (2, 1 + 3 * 16, 48)
    assert_close(vision.pooled, images.unflatten(0, (2, 3)).mean(1), rtol=1e-4, atol=1e-5)
