"""GIT against transformers' GitForCausalLM, with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor
from torch.testing import assert_close
from transformers import GitConfig, GitForCausalLM
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from mplug2 import Inferencer
from mplug2.apis.inputs import as_media
from mplug2.checkpoints import convert
from mplug2.modules import Generation, Memory, generate
from mplug2.networks import Features
from mplug2.projects.git import GitFormat, PrefixDecoder
from mplug2.structures import Batch, TargetBatch
from tests.projects.hub import check_round_trip, gradients_of, randomize, tiny_tower, write_images, write_tokenizer

START, END = 0, 1
FRAMES = 3


class Case:
    """A model of transformers, its folder, ours of that folder, and images or clips with their pixels."""

    def __init__(self, folder: Path, frames: int | None) -> None:
        words = dict(vocab_size=50, bos_token_id=START, eos_token_id=END, pad_token_id=2, max_position_embeddings=24)
        vision = tiny_tower(hidden_size=48, image_size=32, patch_size=8)
        self.theirs = randomize(
            GitForCausalLM(GitConfig(vision_config=vision, **tiny_tower(**words), num_image_with_embedding=frames))
        )
        self.theirs.save_pretrained(folder, max_shard_size='60KB')
        assert len(list(folder.glob('*.safetensors'))) > 1
        self.tokenizer: Tokenizer = write_tokenizer(folder, '[CLS]', '[SEP]')
        processor = CLIPImageProcessorPil(size={'shortest_edge': 32}, crop_size=32)
        processor.save_pretrained(folder)
        paths = write_images(folder / 'images')
        pixels: Tensor = processor([Image.open(path) for path in paths], return_tensors='pt')['pixel_values']
        self.inputs: list = paths
        self.pixels = pixels[:, None]
        if frames:  # clips of the images, turned in time
            size = np.stack([np.asarray(Image.open(path).resize((40, 36))) for path in paths])
            self.inputs = [np.roll(size, turn, 0) for turn in range(2)]
            clips = [processor([Image.fromarray(frame) for frame in clip], return_tensors='pt') for clip in self.inputs]
            self.pixels = torch.stack([clip['pixel_values'] for clip in clips])
        self.inferencer = Inferencer(str(folder))
        self.model = self.inferencer.model

    @property
    def their_pixels(self) -> Tensor:
        return self.pixels if self.theirs.config.num_image_with_embedding else self.pixels[:, 0]


@pytest.fixture(scope='module')
def images(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp('images'), None)


@pytest.fixture(scope='module')
def clips(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp('clips'), FRAMES)


@pytest.mark.parametrize('beams', [1, 3])
@pytest.mark.parametrize('which', ['images', 'clips'])
def test_captions(which: str, beams: int, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(which)
    packed = [case.inferencer.pipeline('captioning', as_media(one), {}).packed['inputs']['frames'] for one in case.inputs]
    batch = case.model.data_preprocessor(dict(inputs=dict(frames=torch.stack(packed)), data_samples=[]))['inputs']
    assert_close(batch['frames'], case.pixels, rtol=0, atol=1e-4)
    start = torch.full((len(case.pixels), 1), START)
    theirs = case.theirs.generate(start, pixel_values=case.their_pixels, num_beams=beams, max_length=12, do_sample=False)
    theirs = [row[: row.index(END) + 1] if END in row else row for row in theirs.tolist()]
    ids, _ = case.model.generate(batch['frames'], num_beams=beams, max_length=11)
    assert [best for best, *_ in ids] == theirs
    texts = [result.text for result in case.inferencer.caption(case.inputs, num_beams=beams, max_length=11)]
    assert texts == [case.tokenizer.decode([token for token in row[1:] if token != END]) for row in theirs]


@pytest.mark.parametrize('which', ['images', 'clips'])
def test_loss_and_gradients(which: str, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(which)
    count = len(case.pixels)
    ids = torch.randint(3, 50, (count, 7), generator=torch.Generator().manual_seed(0))
    case.theirs.zero_grad()
    theirs = case.theirs(ids, pixel_values=case.their_pixels, labels=ids)
    theirs.loss.backward()
    real = torch.ones_like(ids, dtype=torch.bool)
    target = TargetBatch(ids, real, real & (torch.arange(7) > 0), torch.arange(count), torch.ones(count))
    batch = Batch(frames=case.pixels, target=target)
    features = Features(case.model.network, batch)
    assert_close(case.model.network.decoder(ids, features.memory('vision')), theirs.logits[:, -7:], rtol=1e-4, atol=1e-4)
    loss = case.model.tasks['captioning'].loss(features, batch)['loss_caption']
    assert_close(loss, theirs.loss, rtol=1e-4, atol=1e-5)
    loss.backward()
    ours = gradients_of(case.model, GitFormat())
    for name, parameter in case.theirs.named_parameters():
        assert_close(ours[name], parameter.grad, rtol=1e-4, atol=1e-6, msg=lambda text, name=name: f'{name}: {text}')
    case.model.zero_grad()


@pytest.mark.parametrize('which', ['images', 'clips'])
def test_weights_both_ways(which: str, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(which)
    state = case.theirs.state_dict()
    check_round_trip(GitFormat(), state, case.model)
    back, _ = convert(convert(state, 'here')[0], 'here', to='git-hf')
    assert all(torch.equal(back[key], value) for key, value in state.items())


def test_too_many_frames(clips: Case) -> None:
    with pytest.raises(ValueError, match='clips of 4 frames, but the model has 3 frame embeddings'):
        clips.model.network.encode_vision(clips.pixels[:, [0, 1, 2, 0]])


def test_steps_are_those_of_one_pass() -> None:
    """With a masked memory, several texts a sample, and beams that leave."""
    torch.manual_seed(0)
    decoder = randomize(PrefixDecoder(20, 16, 2, 2, 24, 16))
    memory = Memory(torch.randn(2, 5, 16), torch.arange(5) < torch.tensor([[5], [3]]))
    ids = torch.randint(2, 20, (4, 4))
    logits = decoder(ids, memory)
    assert_close(decoder(ids[[2, 1]], memory, torch.tensor([1, 0])), logits[[2, 1]], rtol=1e-4, atol=1e-5)
    first, state = decoder.prefill(ids[[0, 2], :2], memory)
    assert_close(first, logits[[0, 2], 1], rtol=1e-4, atol=1e-5)
    second, state = decoder.step(ids[[0, 0, 2, 2], 2], state.reorder(torch.tensor([0, 0, 1, 1])))
    assert_close(second[[1, 2]], logits[[0, 2], 2], rtol=1e-4, atol=1e-5)
    third, _ = decoder.step(ids[[2], 3], state.keep_samples(torch.tensor([1])).reorder(torch.tensor([3])))
    assert_close(third[0], logits[2, 3], rtol=1e-4, atol=1e-5)
    alone = generate(decoder, Memory(memory.tokens[1:, :3]), Generation(3, 1, 6), 0, 1)
    assert generate(decoder, memory, Generation(3, 1, 6), 0, 1)[1][0].ids == alone[0][0].ids
