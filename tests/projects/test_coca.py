"""CoCa against numbers of open_clip's, which tests/data/projects/coca.py wrote."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.testing import assert_close

from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.modules.generation import Generation, generate
from mplug2.networks import Features
from mplug2.projects.coca import CocaFormat
from mplug2.structures import Batch, TargetBatch, Tokens
from tests.projects.hub import check_round_trip, gradients_of
from tests.runs import ROOT

LENGTH = 12


@pytest.fixture(scope='module')
def frozen() -> dict[str, Tensor]:
    return load_file(ROOT / 'tests/data/projects/coca.safetensors')


@pytest.fixture(scope='module')
def state(frozen: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix('weight.'): value for key, value in frozen.items() if key.startswith('weight.')}


@pytest.fixture(scope='module')
def model(state: dict[str, Tensor]) -> MPlug2:
    layer = dict(width=16, num_layers=2, num_heads=2, ffn_dim=64)
    network = dict(
        type='CocaNetwork',
        vision_encoder=dict(
            type='DualVisionEncoder',
            image_size=16,
            patch_size=8,
            width=24,
            num_layers=2,
            num_heads=2,
            ffn_dim=48,
            activation='gelu',
            norm_output=False,
        ),
        vision_pooling=dict(type='AttentionalPooler', width=16, num_heads=2, num_queries=len(state['visual.attn_pool.query'])),
        text_encoder=dict(type='ClassTokenTextEncoder', vocab_size=40, max_positions=LENGTH, **layer),
        multimodal=dict(type='MultimodalLayers', vocab_size=40, **layer),
        projection_dim=16,
    )
    tasks = dict(
        retrieval=dict(
            type='Retrieval', projection_dim=16, head=dict(type='LogitScaleHead'), contrastive=dict(type='InBatchContrast')
        )
    )
    model = MPlug2(
        network, tasks | dict(caption=dict(type='Captioning', condition='vision', generation=dict(max_length=LENGTH)))
    )
    ForeignWeights(state)(model)
    return model.eval()


def test_losses_logits_and_gradients(model: MPlug2, frozen: dict[str, Tensor]) -> None:
    ids = frozen['text']
    mask = ids != 0
    learned = mask.clone()
    learned[:, 0] = False
    target = TargetBatch(ids, mask, learned, torch.arange(3), torch.ones(3))
    frames = frozen['images'][:, None]
    longest = int(mask.sum(1).max())  # a batch is padded to its longest text, the model pads to its own length
    text = Tokens(ids[:, :longest], mask[:, :longest])
    batch = Batch(frames=frames, text=text, target=target, media_id=torch.arange(3))
    features = Features(model.network, batch)
    retrieval = model.tasks['retrieval']
    assert_close(retrieval.embed_vision(features.vision()), frozen['image_features'], rtol=1e-4, atol=1e-5)
    assert_close(retrieval.embed_text(features.text()), frozen['text_features'], rtol=1e-4, atol=1e-5)
    logits = model.network.decoder(ids, features.memory('vision'))
    real = mask[:, 1:]
    assert_close(logits[:, :-1][real], frozen['logits'][real], rtol=1e-4, atol=1e-4)
    losses = retrieval.loss(features, batch) | model.tasks['caption'].loss(features, batch)
    assert_close(losses['loss_contrastive'], frozen['contrast'], rtol=1e-4, atol=1e-5)
    assert_close(losses['loss_caption'], frozen['caption'], rtol=1e-4, atol=1e-5)
    (losses['loss_contrastive'] + losses['loss_caption']).backward()
    for key, gradient in gradients_of(model, CocaFormat()).items():
        assert_close(gradient, frozen[f'gradient.{key}'], rtol=1e-3, atol=1e-4, msg=key)
    model.zero_grad()


def test_generation_with_caches(model: MPlug2, frozen: dict[str, Tensor]) -> None:
    written = frozen['written']
    never = min(set(range(40)) - set(written.flatten().tolist()))  # an end that is not written
    with torch.no_grad():
        memory = Features(model.network, Batch(frames=frozen['images'][:, None])).memory('vision')
        greedy = generate(model.network.decoder, memory, Generation(1, 8, 8), int(written[0, 0]), never)
        beams = generate(model.network.decoder, memory, Generation(3, 6, 6, 3, length_penalty=0.0), int(written[0, 0]), never)
        assert [best.ids for (best,) in greedy] == written.tolist()
        for number, sample in enumerate(beams):  # scores of hypotheses by the pass without caches
            ids = torch.tensor([hypothesis.ids for hypothesis in sample])
            logits = model.network.decoder(ids, memory, torch.full((3,), number))
            chances = logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0].sum(1)
            scores = torch.tensor([hypothesis.score for hypothesis in sample])
            assert_close(scores, chances, rtol=1e-4, atol=1e-5)


def test_weights_and_clips(model: MPlug2, state: dict[str, Tensor], frozen: dict[str, Tensor]) -> None:
    check_round_trip(CocaFormat(), state, model)
    with torch.no_grad():
        image = model.network.encode_vision(frozen['images'][:, None])
        still = model.network.encode_vision(frozen['images'][:, None].expand(-1, 3, -1, -1, -1))
    assert still.tokens.shape[1] == 3 * image.tokens.shape[1]
    assert_close(still.memory, image.memory, rtol=1e-4, atol=1e-5)  # attention to the same frame three times
