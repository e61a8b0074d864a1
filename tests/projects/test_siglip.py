"""SigLIP against transformers' SiglipModel, with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.testing import assert_close
from transformers import SiglipConfig, SiglipModel
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from mplug2 import Inferencer
from mplug2.networks import Features
from mplug2.projects.siglip import PatchEncoder, SiglipModelFormat
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
def reference() -> SiglipModel:
    words = dict(vocab_size=48, bos_token_id=0, eos_token_id=1, pad_token_id=1, max_position_embeddings=20)
    config = SiglipConfig(text_config=tiny_tower(**words), vision_config=tiny_tower(image_size=32, patch_size=8))
    return randomize(SiglipModel(config))


@pytest.fixture(scope='module')
def model(reference: SiglipModel, tmp_path_factory: pytest.TempPathFactory) -> Inferencer:
    folder = tmp_path_factory.mktemp('hub')
    reference.save_pretrained(folder)
    write_tokenizer(folder, None, '</s>')
    (folder / 'tokenizer_config.json').write_text('{"pad_token": "</s>", "tokenizer_class": "SiglipTokenizer"}')
    SiglipImageProcessorPil(size={'height': 32, 'width': 32}).save_pretrained(folder)
    return Inferencer(str(folder))


def test_files_and_texts_as_transformers_reads_them(model: Inferencer, reference: SiglipModel, tmp_path: Path) -> None:
    paths = write_images(tmp_path)
    folder = Path(model.name)
    pixels = SiglipImageProcessorPil.from_pretrained(folder)([Image.open(path) for path in paths], return_tensors='pt')
    assert_close(pixels_of(model, paths), pixels['pixel_values'], rtol=0, atol=1e-4)
    pad = 0  # the end token
    ids, _ = batch_of(write_tokenizer(tmp_path / 'words', None, '</s>'), TEXTS, pad, length=20)
    with torch.no_grad():
        theirs = reference(input_ids=ids, **pixels)
    ours = torch.stack([torch.from_numpy(result.embedding) for result in model.embed(paths)])
    asked = [text.capitalize() + ' !' for text in TEXTS]  # cleaned as the published texts were
    words = torch.stack([torch.from_numpy(result.embedding) for result in model.embed_text(asked, 'image')])
    assert_close(ours, theirs.image_embeds, rtol=1e-4, atol=1e-5)
    assert_close(words, theirs.text_embeds, rtol=1e-4, atol=1e-5)
    for text, row in zip(TEXTS, theirs.logits_per_text, strict=True):
        ranked = [result.source for result in model.search(paths, text)]
        assert ranked == [str(paths[place]) for place in row.argsort(descending=True).tolist()]


def test_loss_gradients_and_weights_both_ways(model: Inferencer, reference: SiglipModel, tmp_path: Path) -> None:
    ids, mask = batch_of(write_tokenizer(tmp_path, None, '</s>'), TEXTS, pad=0)
    padded = torch.nn.functional.pad(ids, (0, 20 - ids.shape[1]), value=0)
    frames = torch.randn(3, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    theirs = reference(input_ids=padded, pixel_values=frames[:, 0], return_loss=True)
    reference.zero_grad()
    theirs.loss.backward()
    batch = Batch(frames=frames, text=Tokens(ids.masked_fill(~mask, 7), mask), media_id=torch.arange(3))
    features = Features(model.model.network, batch)
    loss = model.model.tasks['retrieval'].loss(features, batch)['loss_contrastive']
    assert_close(loss, theirs.loss, rtol=1e-4, atol=1e-4)
    assert_close(features.vision().tokens, theirs.vision_model_output.last_hidden_state, rtol=1e-4, atol=1e-4)
    loss.backward()
    gradients = gradients_of(model.model, SiglipModelFormat())
    for name, parameter in reference.named_parameters():
        assert_close(gradients[name], parameter.grad, rtol=1e-3, atol=1e-4, msg=name)
    check_round_trip(SiglipModelFormat(), reference.state_dict(), model.model)
    clip = torch.randn(1, 2, 3, 32, 48)  # of another grid, to which positions are resampled
    with torch.no_grad():
        images = reference.get_image_features(pixel_values=clip[0], interpolate_pos_encoding=True).pooler_output
        assert_close(model.model.network.encode_vision(clip).pooled[0], images.mean(0), rtol=1e-4, atol=1e-4)


def test_frames_that_do_not_divide_into_patches_are_refused() -> None:
    encoder = PatchEncoder(image_size=16, patch_size=8, width=8, num_layers=1, num_heads=1, ffn_dim=8)
    with pytest.raises(ValueError, match='frames of 20x16 pixels do not divide into patches of 8'):
        encoder(torch.zeros(1, 1, 3, 20, 16))
