"""X-CLIP against transformers' XCLIPModel, with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.testing import assert_close
from transformers import XCLIPConfig, XCLIPModel
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

from mplug2 import Inferencer
from mplug2.apis.inputs import as_media
from mplug2.checkpoints import convert
from mplug2.model import MPlug2
from mplug2.networks import Features
from mplug2.projects.xclip import PromptedClassification, XclipModelFormat
from mplug2.structures import Batch, Tokens
from tests.projects.hub import (
    batch_of,
    check_round_trip,
    gradients_of,
    randomize,
    tiny_tower,
    write_images,
    write_tokenizer,
)

TEXTS = ['a red dog', 'two', 'the blue one runs']
FRAMES = 3


class Case:
    """A model of transformers, its folder, ours of that folder, clips with their pixels, and texts."""

    def __init__(self, folder: Path) -> None:
        tokenizer = write_tokenizer(
            folder, '<start>', '<end>', end_is_last=True
        )  # transformers reads the token of the largest number
        self.ids, self.mask = batch_of(tokenizer, TEXTS, pad=1)
        words = tiny_tower(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=20)
        frames = dict(mit_hidden_size=24, mit_intermediate_size=40, mit_num_attention_heads=2, num_frames=FRAMES)
        vision = tiny_tower(hidden_size=48, image_size=32, patch_size=8, **frames)
        config = XCLIPConfig(text_config=words, vision_config=vision, projection_dim=24, prompt_num_attention_heads=3)
        self.theirs = randomize(XCLIPModel(config))
        self.theirs.save_pretrained(folder, max_shard_size='100KB')
        assert len(list(folder.glob('*.safetensors'))) > 1
        processor = VideoMAEImageProcessorPil(size={'shortest_edge': 32}, crop_size={'height': 32, 'width': 32})
        processor.save_pretrained(folder)
        images = [np.asarray(Image.open(path).resize((40, 36))) for path in write_images(folder / 'images')]
        self.clips = [np.stack([np.roll(image, 9 * turn, 1) for turn in range(FRAMES)]) for image in images]
        pixels = [processor([Image.fromarray(frame) for frame in clip], return_tensors='pt') for clip in self.clips]
        self.pixels: Tensor = torch.cat([clip['pixel_values'] for clip in pixels])
        self.inferencer = Inferencer(str(folder))
        self.model: MPlug2 = self.inferencer.model
        with torch.no_grad():
            self.expected = self.theirs(input_ids=self.ids, attention_mask=self.mask.long(), pixel_values=self.pixels)

    @property
    def batch(self) -> Batch:
        return Batch(frames=self.pixels, text=Tokens(self.ids, self.mask), media_id=torch.arange(len(self.clips)))

    def check_gradients(self) -> None:
        """Of both models, under transformers' keys."""
        ours = gradients_of(self.model, XclipModelFormat())
        for name, parameter in self.theirs.named_parameters():
            assert_close(ours[name], parameter.grad, rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f'{name}: {text}')
        self.model.zero_grad()
        self.theirs.zero_grad()


@pytest.fixture(scope='module')
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp('hub'))


def test_clips_and_texts_as_transformers_reads_them(case: Case) -> None:
    packed = [
        case.inferencer.pipeline('retrieval', as_media(clip), {}, False).packed['inputs']['frames'] for clip in case.clips
    ]
    batch = case.model.data_preprocessor(dict(inputs=dict(frames=torch.stack(packed)), data_samples=[]))['inputs']
    assert_close(batch['frames'], case.pixels, rtol=0, atol=1e-4)
    chances = case.expected.logits_per_video.softmax(1)
    for result, row in zip(case.inferencer.classify(case.clips, class_names=TEXTS), chances, strict=True):
        assert [candidate.text for candidate in result.candidates] == [TEXTS[place] for place in row.argsort(descending=True)]
        assert [candidate.score for candidate in result.candidates] == pytest.approx(
            row.sort(descending=True)[0].tolist(), rel=1e-3
        )
    cosines = case.expected.logits_per_text / case.theirs.logit_scale.exp()
    ours = torch.stack([torch.from_numpy(result.embedding) for result in case.inferencer.embed(case.clips)])
    assert_close(ours, case.expected.video_embeds, rtol=1e-4, atol=1e-5)
    for text, row in zip(TEXTS, cosines, strict=True):
        found = case.inferencer.search(case.clips, text)
        assert [result.similarity for result in found] == pytest.approx(row.sort(descending=True)[0].tolist(), rel=1e-4)
        matches = [case.inferencer.match(clip, text).similarity for clip in case.clips]
        assert matches == pytest.approx(row.tolist(), rel=1e-4)


def test_features_loss_and_gradients(case: Case) -> None:
    theirs = case.theirs(case.ids, case.pixels, case.mask.long(), return_loss=True)
    theirs.loss.backward()
    features = Features(case.model.network, case.batch)
    loss = case.model.tasks['retrieval'].loss(features, case.batch)['loss_contrastive']
    assert_close(loss, theirs.loss, rtol=1e-4, atol=1e-5)
    assert_close(features.vision().pooled, theirs.mit_output.pooler_output, rtol=1e-4, atol=1e-5)
    assert_close(
        features.text().encoded[case.mask], theirs.text_model_output.last_hidden_state[case.mask], rtol=1e-4, atol=1e-4
    )
    prompted = F.normalize(features.fused().pooled, dim=-1)
    assert_close(prompted, theirs.text_embeds[range(3), range(3)], rtol=1e-4, atol=1e-5)
    loss.backward()
    case.check_gradients()


def test_classes_are_learned_as_published(case: Case) -> None:
    """Cross-entropy over the names of actions."""
    network, labels = case.model.network, torch.tensor([2, 0, 1])
    tokenizer = case.model.tokenizers['text']
    task = PromptedClassification(network, tokenizer, TEXTS, projection_dim=24, head=dict(type='LogitScaleHead'))
    task.head.load_state_dict(case.model.tasks['retrieval'].head.state_dict())
    task.train()
    logits = task.logits(Features(network, case.batch))
    assert_close(logits, case.expected.logits_per_video, rtol=1e-4, atol=1e-4)
    loss = task.loss(Features(network, case.batch), Batch(label=labels))['loss_class']
    loss.backward()
    case.model.tasks['retrieval'].head.logit_scale.grad = task.head.logit_scale.grad
    theirs = case.theirs(case.ids, case.pixels, case.mask.long()).logits_per_video
    F.cross_entropy(theirs, labels).backward()
    case.check_gradients()


def test_a_gallery_is_ranked_again_with_prompts(case: Case) -> None:
    task, network = case.model.tasks['retrieval'], case.model.network
    with torch.no_grad():
        features = Features(network, case.batch)
        text, vision = features.text(), features.vision()
        rows = torch.arange(3).repeat(3)  # all texts of each clip
        match = task.match(network, text.select(rows), vision)
        scores = torch.stack([task.relevance(part, None, None) for part in match.split(3)])
    assert_close(scores, case.expected.logits_per_video, rtol=1e-4, atol=1e-4)


def contrast(case: Case, rows: slice) -> Tensor:
    """Gradients of the loss over some pairs, all in one."""
    batch = Batch(
        frames=case.pixels[rows], text=Tokens(case.ids[rows], case.mask[rows]), media_id=torch.arange(len(case.clips))[rows]
    )
    case.model.zero_grad()
    case.model.tasks['retrieval'].loss(Features(case.model.network, batch), batch)['loss_contrastive'].backward()
    return torch.cat([parameter.grad.flatten() for parameter in case.model.parameters()])


def half(rank: int, case: Case, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=2)
    torch.save(contrast(case, slice(rank, rank + 1)), folder / f'{rank}.pt')
    dist.destroy_process_group()


@pytest.mark.distributed
def test_two_processes_contrast_the_pairs_of_both(case: Case, tmp_path: Path) -> None:
    whole = contrast(case, slice(2))
    case.model.zero_grad()
    mp.start_processes(half, (case, tmp_path), nprocs=2, start_method='fork')
    assert_close(sum(torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1)) / 2, whole, rtol=1e-3, atol=1e-5)


def test_weights_both_ways(case: Case, tmp_path: Path) -> None:
    state = case.theirs.state_dict()
    check_round_trip(XclipModelFormat(), state, case.model)
    back, _ = convert(convert(state, 'here')[0], 'here', to='xclip-hf')
    assert all(torch.equal(back[key], value) for key, value in state.items())
    case.model.save_pretrained(tmp_path)
    saved = Inferencer(str(tmp_path))
    (first,) = saved.classify(case.clips[:1], class_names=TEXTS)
    assert first == next(iter(case.inferencer.classify(case.clips[:1], class_names=TEXTS)))


def test_another_number_of_frames(case: Case) -> None:
    with pytest.raises(ValueError, match='clips of 2 frames, but the model is made for 3'):
        case.model.network.encode_vision(case.pixels[:, :2])
