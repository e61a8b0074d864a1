"""BLIP-2 against transformers, with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.testing import assert_close
from transformers import Blip2Config, Blip2ForConditionalGeneration, LlamaConfig, OPTConfig
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from mplug2 import Inferencer
from mplug2.checkpoints import CheckpointError, convert
from mplug2.networks import Features
from mplug2.projects.blip2 import Blip2Format
from mplug2.structures import Batch, TargetBatch
from tests.projects.hub import check_round_trip, gradients_of, randomize, tiny_tower, write_images, write_tokenizer

START, END, IMAGE, QUERIES = 0, 1, 49, 5
WORDS = dict(vocab_size=50, bos_token_id=START, eos_token_id=END, pad_token_id=2, max_position_embeddings=64)
LANGUAGE = {
    'opt': OPTConfig(hidden_size=24, ffn_dim=32, num_hidden_layers=2, num_attention_heads=2, word_embed_proj_dim=24, **WORDS),
    'llama': LlamaConfig(**tiny_tower(hidden_size=24, intermediate_size=32), tie_word_embeddings=False, **WORDS),
}


class Case:
    """A model of transformers, its folder, ours of that folder, and images with their pixels."""

    def __init__(self, folder: Path, language: str) -> None:
        config = Blip2Config(
            vision_config=tiny_tower(hidden_size=48, image_size=32, patch_size=8),
            qformer_config=tiny_tower(num_hidden_layers=3),
            text_config=LANGUAGE[language].to_dict(),
            num_query_tokens=QUERIES,
            image_token_index=IMAGE,
        )
        self.theirs = randomize(Blip2ForConditionalGeneration(config))
        self.theirs.save_pretrained(folder, max_shard_size='60KB')
        assert len(list(folder.glob('*.safetensors'))) > 1
        self.tokenizer = write_tokenizer(folder, '[CLS]', '[SEP]')
        processor = BlipImageProcessorPil(size={'height': 32, 'width': 32})
        processor.save_pretrained(folder)
        self.paths = write_images(folder / 'images')
        self.pixels = processor([Image.open(path) for path in self.paths], return_tensors='pt')['pixel_values']
        self.folder = folder
        self.inferencer = Inferencer(str(folder))
        self.model = self.inferencer.model


@pytest.fixture(scope='module', params=list(LANGUAGE))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp(request.param), request.param)


def test_captions(case: Case) -> None:
    for beams in (1, 3):
        theirs = case.theirs.generate(case.pixels, num_beams=beams, max_new_tokens=9, do_sample=False)[
            :, QUERIES + 1 :
        ].tolist()
        theirs = [row[: row.index(END) + 1] if END in row else row for row in theirs]
        ids, _ = case.model.generate(case.pixels[:, None], num_beams=beams, max_length=9)
        assert [best[1:] for best, *_ in ids] == theirs
        texts = [result.text for result in case.inferencer.caption(case.paths, num_beams=beams, max_length=9)]
        assert texts == [case.tokenizer.decode([token for token in row if token != END]) for row in theirs]


def test_loss_and_gradients(case: Case) -> None:
    ids = torch.randint(3, 49, (3, 6), generator=torch.Generator().manual_seed(0))
    case.theirs.zero_grad()
    whole = torch.cat([torch.full((3, QUERIES), IMAGE), ids], 1)
    labels = whole.masked_fill(torch.arange(QUERIES + 6) <= QUERIES, -100)
    theirs = case.theirs(case.pixels, whole, labels=labels)
    theirs.loss.backward()
    real = torch.ones_like(ids, dtype=torch.bool)
    target = TargetBatch(ids, real, real & (torch.arange(6) > 0), torch.arange(3), torch.ones(3))
    features = Features(case.model.network, Batch(frames=case.pixels[:, None], target=target))
    memory = features.memory('vision')
    assert_close(features.vision().tokens, theirs.vision_outputs.last_hidden_state, rtol=1e-4, atol=1e-5)
    assert_close(memory.tokens, case.theirs.language_projection(theirs.qformer_outputs.last_hidden_state), rtol=1e-4, atol=1e-5)
    assert_close(case.model.network.decoder(ids, memory), theirs.logits[:, -6:], rtol=1e-4, atol=1e-4)
    loss = case.model.tasks['captioning'].loss(features, features.batch)['loss_caption']
    assert_close(loss, theirs.loss, rtol=1e-4, atol=1e-5)
    loss.backward()
    ours = gradients_of(case.model, Blip2Format())
    for name, parameter in case.theirs.named_parameters():
        if parameter.grad is not None:
            assert_close(ours[name], parameter.grad, rtol=1e-4, atol=1e-6, msg=lambda text, name=name: f'{name}: {text}')
    case.model.zero_grad()


def test_weights_both_ways(case: Case) -> None:
    state = case.theirs.state_dict()
    check_round_trip(Blip2Format(), state, case.model)
    back, _ = convert(convert(state, 'here')[0], 'here', to='blip-2-hf')
    assert all(torch.equal(back[key], value) for key, value in state.items())
    language = case.model.network.decoder.model
    tied = language.lm_head.weight is language.get_input_embeddings().weight
    assert tied == case.theirs.config.text_config.tie_word_embeddings


def test_other_language_models(case: Case, tmp_path: Path) -> None:
    config = json.loads((case.folder / 'config.json').read_text())
    config['text_config'] = dict(model_type='t5')
    (tmp_path / 'config.json').write_text(json.dumps(config))
    (tmp_path / 'model.safetensors').touch()
    with pytest.raises(CheckpointError, match='over t5; of BLIP-2, Blip2ForConditionalGeneration over a causal language model'):
        Inferencer(str(tmp_path))
