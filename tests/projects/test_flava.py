"""FLAVA against transformers' FlavaModel, with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch.testing import assert_close
from transformers import FlavaConfig, FlavaModel
from transformers.models.flava.image_processing_pil_flava import FlavaImageProcessorPil

from mplug2 import Inferencer
from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.networks import Features
from mplug2.projects.flava import FlavaFormat
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
LEFT_OUT = ('pooler', 'mask_token')


@pytest.fixture(scope='module')
def reference() -> FlavaModel:
    config = FlavaConfig(
        image_config=tiny_tower(image_size=32, patch_size=8),
        text_config=tiny_tower(vocab_size=40, max_position_embeddings=24),
        multimodal_config=tiny_tower(hidden_size=24),
        hidden_size=24,
        projection_dim=20,
    )
    return randomize(FlavaModel(config))


def words(folder: Path):
    return write_tokenizer(folder, '[CLS]', '[SEP]', first='[PAD]')


def test_files_and_texts_as_transformers_reads_them(reference: FlavaModel, tmp_path: Path) -> None:
    reference.save_pretrained(tmp_path)
    tokenizer, size = words(tmp_path), {'height': 32, 'width': 32}
    FlavaImageProcessorPil(size=size, crop_size=size).save_pretrained(tmp_path)
    model, paths = Inferencer(str(tmp_path)), write_images(tmp_path / 'images')
    images = [Image.open(path) for path in paths]
    pixels = FlavaImageProcessorPil.from_pretrained(tmp_path)(images, return_tensors='pt')
    assert_close(pixels_of(model, paths), pixels['pixel_values'], rtol=0, atol=1e-4)
    ids, mask = batch_of(tokenizer, TEXTS, pad=0)
    with torch.no_grad():
        theirs = reference(input_ids=ids, attention_mask=mask.long(), pixel_values=pixels['pixel_values'])
        vision = F.normalize(reference.image_projection(theirs.image_embeddings[:, 0]), dim=-1)
        text = F.normalize(reference.text_projection(theirs.text_embeddings[:, 0]), dim=-1)
    ours = torch.stack([torch.from_numpy(result.embedding) for result in model.embed(paths)])
    embedded = torch.stack([torch.from_numpy(result.embedding) for result in model.embed_text(TEXTS, 'image')])
    assert_close(ours, vision, rtol=1e-4, atol=1e-5)
    assert_close(embedded, text, rtol=1e-4, atol=1e-5)
    ranked = [result.source for result in model.search(paths, TEXTS[0])]
    assert ranked == [str(paths[place]) for place in (text[0] @ vision.T).argsort(descending=True).tolist()]


def test_joint_features_loss_gradients_and_weights(reference: FlavaModel, tmp_path: Path) -> None:
    ids, mask = batch_of(words(tmp_path), TEXTS, pad=0)
    frames = torch.randn(3, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    theirs = reference(input_ids=ids, attention_mask=mask.long(), pixel_values=frames[:, 0])
    vision = F.normalize(reference.image_projection(theirs.image_embeddings[:, 0]), dim=-1)
    text = F.normalize(reference.text_projection(theirs.text_embeddings[:, 0]), dim=-1)
    logits = vision @ text.T * reference.logit_scale.exp()
    contrast = sum(F.cross_entropy(x, torch.arange(3)) for x in (logits, logits.T)) / 2
    reference.zero_grad()
    (contrast + theirs.multimodal_embeddings[:, 0].square().sum()).backward()

    layer = dict(width=32, num_layers=2, num_heads=4, ffn_dim=48)
    vit = dict(activation='gelu', eps=1e-12, pre_norm_embedding=False, patch_bias=True, norm_output=False)
    network = dict(
        type='FlavaNetwork',
        vision_encoder=dict(type='DualVisionEncoder', image_size=32, patch_size=8, **vit, **layer),
        text_encoder=dict(type='BertTextEncoder', vocab_size=40, max_positions=24, norm='pre', dropout=0.0, **layer),
        fusion=dict(type='JointEncoder', vision_width=32, text_width=32, **(layer | dict(width=24))),
    )
    parts = dict(contrastive=dict(type='InBatchContrast'), matching=dict(type='HardNegativeMatching'))
    head = dict(type='LogitScaleHead', project=True)
    model = MPlug2(network, dict(retrieval=dict(type='Retrieval', media='image', projection_dim=20, head=head, **parts)))
    ForeignWeights(reference.state_dict())(model)
    batch = Batch(frames=frames, text=Tokens(ids, mask), media_id=torch.arange(3))
    features, task = Features(model.network, batch), model.tasks['retrieval']
    fused, whole = features.fused(), theirs.multimodal_embeddings
    assert_close(fused.vision, whole[:, :18], rtol=1e-4, atol=1e-4)  # a class token each, the joint and the image's
    assert_close(fused.text[mask], whole[:, 18:][mask], rtol=1e-4, atol=1e-4)
    embeddings = task.embed_vision(features.vision()), task.embed_text(features.text())
    loss = task.contrastive(features, batch, task.head, *embeddings)
    assert_close(loss, contrast, rtol=1e-4, atol=1e-5)
    (loss + fused.pooled.square().sum()).backward()
    gradients = gradients_of(model, FlavaFormat())
    for name, parameter in reference.named_parameters():
        if not any(part in name for part in LEFT_OUT):
            assert_close(gradients[name], parameter.grad, rtol=1e-3, atol=1e-4, msg=name)
    state = reference.state_dict()
    check_round_trip(FlavaFormat(), state, model, [key for key in state if any(part in key for part in LEFT_OUT)])
    with torch.no_grad():  # a matching score for each of two texts of an image
        pairs = features.text().select(torch.tensor([0, 1, 1, 2, 2, 0]))
        assert task.match(model.network, pairs, features.vision()).shape == (6, 2)
