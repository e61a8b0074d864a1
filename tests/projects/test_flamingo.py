"""Flamingo against transformers' IdeficsForVisionText2Text, with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.testing import assert_close
from transformers import IdeficsConfig, IdeficsForVisionText2Text
from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

from mplug2 import Inferencer
from mplug2.checkpoints import CheckpointError, convert
from mplug2.modules import Generation, Memory, generate
from mplug2.networks import Features
from mplug2.projects.flamingo import GatedDecoder, IdeficsFormat, PerceiverResampler
from mplug2.structures import Batch, TargetBatch
from tests.projects.hub import (
    check_round_trip,
    gradients_of,
    pixels_of,
    randomize,
    tiny_tower,
    write_images,
    write_tokenizer,
)

START, END = 0, 1
WORDS, AROUND, IMAGE = 39, 39, 40  # of the language model, and the two that IDEFICS adds
UNREAD = 'model.vision_model.post_layernorm.'
FREE = dict(freeze_text_layers=False, freeze_vision_layers=False)


class Case:
    """A model of transformers, its folder, ours of that folder, and images with their pixels."""

    def __init__(self, folder: Path) -> None:
        words = dict(vocab_size=WORDS, additional_vocab_size=2, bos_token_id=START, eos_token_id=END, pad_token_id=2)
        sizes = dict(num_hidden_layers=4, cross_layer_interval=2, max_position_embeddings=64, qk_layer_norms=True)
        resampler = dict(use_resampler=True, resampler_n_latents=5, resampler_depth=2, resampler_n_heads=2)
        resampler |= dict(resampler_head_dim=12, qk_layer_norms_perceiver=True)
        vision = tiny_tower(hidden_size=48, image_size=32, patch_size=8)
        config = IdeficsConfig(
            **tiny_tower(**sizes), **words, **FREE, use_resampler=True, perceiver_config=resampler, vision_config=vision
        )
        self.theirs = randomize(IdeficsForVisionText2Text(config))
        self.theirs.save_pretrained(folder, max_shard_size='80KB')
        assert len(list(folder.glob('*.safetensors'))) > 1
        self.tokenizer = write_tokenizer(folder, '<s>', '</s>')
        self.tokenizer.add_special_tokens(['<fake_token_around_image>', '<image>'])
        self.tokenizer.save(str(folder / 'tokenizer.json'))
        processor = IdeficsImageProcessorPil(image_size=32)
        processor.save_pretrained(folder)
        self.paths = write_images(folder / 'images')
        self.pixels: Tensor = processor([Image.open(path) for path in self.paths], return_tensors='pt')
        self.folder = folder
        self.inferencer = Inferencer(str(folder))
        self.model = self.inferencer.model

    def ask(self, ids: Tensor) -> dict[str, Tensor]:
        """Arguments of transformers' model for an image in its words, and what follows them."""
        before = torch.tensor([START, AROUND, IMAGE]).expand(len(ids), -1)
        whole = torch.cat([before, ids], 1)
        seen = (torch.arange(whole.shape[1]) > 1).long()[None, :, None].expand(len(ids), -1, -1)
        return dict(input_ids=whole, pixel_values=self.pixels[:, None], image_attention_mask=seen)


@pytest.fixture(scope='module')
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp('hub'))


def test_captions(case: Case) -> None:
    assert_close(pixels_of(case.inferencer, case.paths), case.pixels, rtol=0, atol=1e-4)
    start = torch.full((3, 1), AROUND)
    for beams in (1, 3):
        theirs = case.theirs.generate(**case.ask(start), num_beams=beams, max_new_tokens=8, do_sample=False)[:, 4:].tolist()
        theirs = [row[: row.index(END) + 1] if END in row else row for row in theirs]
        ids, _ = case.model.generate(case.pixels[:, None], num_beams=beams, max_length=8)
        assert [best[1:] for best, *_ in ids] == theirs
        texts = [result.text for result in case.inferencer.caption(case.paths, num_beams=beams, max_length=8)]
        assert texts == [case.tokenizer.decode([token for token in row if token != END]) for row in theirs]


def test_loss_and_gradients(case: Case) -> None:
    ids = torch.randint(3, WORDS, (3, 6), generator=torch.Generator().manual_seed(0))
    ids[:, 0] = AROUND
    theirs = case.theirs(**case.ask(ids))
    expected = F.cross_entropy(theirs.logits[:, 3:-1].flatten(0, 1), ids[:, 1:].flatten())
    case.theirs.zero_grad()
    expected.backward()
    real = torch.ones_like(ids, dtype=torch.bool)
    target = TargetBatch(ids, real, real & (torch.arange(6) > 0), torch.arange(3), torch.ones(3))
    features = Features(case.model.network, Batch(frames=case.pixels[:, None], target=target))
    memory = features.memory('vision')
    assert_close(features.vision().tokens, theirs.image_outputs.last_hidden_state, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        latents = case.theirs.model.perceiver_resampler(theirs.image_outputs.last_hidden_state)
    assert_close(memory.tokens.detach(), latents, rtol=1e-4, atol=1e-4)
    assert_close(case.model.network.decoder(ids, memory), theirs.logits[:, 3:], rtol=1e-4, atol=1e-4)
    loss = case.model.tasks['captioning'].loss(features, features.batch)['loss_caption']
    assert_close(loss, expected, rtol=1e-4, atol=1e-5)
    loss.backward()
    ours = gradients_of(case.model, IdeficsFormat())
    for name, parameter in case.theirs.named_parameters():
        if not name.startswith(UNREAD):
            assert_close(ours[name], parameter.grad, rtol=1e-4, atol=1e-6, msg=lambda text, name=name: f'{name}: {text}')
    case.model.zero_grad()


def test_weights_both_ways(case: Case) -> None:
    state = case.theirs.state_dict()
    unread = [key for key in state if key.startswith(UNREAD)]
    check_round_trip(IdeficsFormat(), state, case.model, left_out=unread)
    back, _ = convert(convert(state, 'here')[0], 'here', to='idefics-hf')
    assert all(torch.equal(back[key], state[key]) for key in state.keys() - set(unread))


def test_steps_are_those_of_one_pass(case: Case) -> None:
    """With several texts a sample, and beams that leave."""
    decoder: GatedDecoder = case.model.network.decoder
    generator = torch.Generator().manual_seed(1)
    memory = Memory(torch.randn(2, 5, 48, generator=generator))
    ids = torch.randint(3, WORDS, (4, 4), generator=generator)
    with torch.no_grad():
        logits = decoder(ids, memory)
        assert_close(decoder(ids[[2, 1]], memory, torch.tensor([1, 0])), logits[[2, 1]], rtol=1e-4, atol=1e-4)
        first, state = decoder.prefill(ids[[0, 2], :2], memory)
        assert_close(first, logits[[0, 2], 1], rtol=1e-4, atol=1e-4)
        second, state = decoder.step(ids[[0, 0, 2, 2], 2], state.reorder(torch.tensor([0, 0, 1, 1])))
        assert_close(second[[1, 2]], logits[[0, 2], 2], rtol=1e-4, atol=1e-4)
        third, _ = decoder.step(ids[[2], 3], state.keep_samples(torch.tensor([1])).reorder(torch.tensor([3])))
        assert_close(third[0], logits[2, 3], rtol=1e-4, atol=1e-4)
    alone = generate(decoder, Memory(memory.tokens[1:]), Generation(3, 1, 6), AROUND, END)
    assert generate(decoder, memory, Generation(3, 1, 6), AROUND, END)[1][0].ids == alone[0][0].ids


def test_gates_start_shut() -> None:
    """The text is then what the language model says without the memory."""
    language = dict(model_type='llama', vocab_size=20, **tiny_tower(num_key_value_heads=2))
    decoder = GatedDecoder(language, memory_width=16, every=1, freeze_language=True).eval()
    decoder.init_weights()
    ids = torch.tensor([[3, 5, 4]])
    assert_close(decoder(ids, Memory(torch.randn(1, 4, 16))), decoder(ids, Memory(torch.randn(1, 4, 16))))
    assert {name.split('.')[0] for name, weight in decoder.named_parameters() if weight.requires_grad} == {'gates'}
    with pytest.raises(ValueError, match='vision has 16 channels and the decoder reads 32: set its memory_width to 16'):
        PerceiverResampler(16, 32)


def test_other_variants(case: Case, tmp_path: Path) -> None:
    config = json.loads((case.folder / 'config.json').read_text())
    (tmp_path / 'config.json').write_text(json.dumps(config | dict(use_resampler=False)))
    (tmp_path / 'model.safetensors').touch()
    with pytest.raises(CheckpointError, match='another variant of IDEFICS: a resampler'):
        Inferencer(str(tmp_path))
