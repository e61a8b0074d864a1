"""Networks of other shapes: encoders of two widths, none of the universal layers, and a wiring of another package."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mplug2.datasets.collate import collate_targets
from mplug2.datasets.transforms.packing import TargetText
from mplug2.model import MPlug2
from mplug2.modules.contracts import VisionTokens
from mplug2.networks import MPlug2Network, Network, TextFeatures, VisionFeatures
from mplug2.structures import Tokens
from tests.tasks.models import small_network_cfg, some_batch

TOKENIZER = dict(type='BertTokenizer', vocab='mini')
CAPTIONING = dict(caption=dict(type='Captioning', generation=dict(num_beams=2, min_length=1, max_length=4)))
PROJECTOR = dict(type='LinearProjector')


def train_and_predict(model: MPlug2) -> None:
    model.init_weights()
    targets = [[TargetText([2, 40 + row, 50, 3], [False, True, True, True])] for row in range(3)]
    batch = some_batch(3, frames=2).replace(target=collate_targets(targets, 0))
    sum(model.train()(batch, mode='loss').values()).backward()
    assert {name for name, p in model.named_parameters() if p.grad is None} == set()
    assert all(isinstance(sample.pred_caption, str) for sample in model.eval()(batch, mode='predict'))


def two_widths(**cfg) -> dict:
    network = small_network_cfg()
    network['vision_encoder'].update(width=48)
    return {**network, 'universal': None, **cfg}


def test_encoders_of_two_widths_meet_at_projectors() -> None:
    projectors = dict(vision_fusion=PROJECTOR, vision_decoder=PROJECTOR)
    model = MPlug2(two_widths(projectors=projectors), CAPTIONING, TOKENIZER)
    assert model.network.vision_decoder.linear.weight.shape == (32, 48)
    train_and_predict(model)


def test_a_network_without_universal_layers_captions() -> None:
    train_and_predict(MPlug2(small_network_cfg() | dict(universal=None), CAPTIONING, TOKENIZER))


def test_widths_that_differ_are_named_with_what_to_do() -> None:
    with pytest.raises(ValueError, match='vision_encoder gives 48 channels and fusion takes 32') as caught:
        MPlug2Network(**two_widths())
    assert "projectors=dict(vision_fusion=dict(type='LinearProjector'))" in str(caught.value)
    with pytest.raises(ValueError, match='nothing is connected at eyes; the connections of this network are vision_universal'):
        MPlug2Network(**small_network_cfg(), projectors=dict(eyes=PROJECTOR))


class PatchEncoder(nn.Module):
    """A linear map of each patch, with some prefix tokens of its own."""

    width, patch_size, image_size = 32, 8, 32

    def __init__(self, num_prefix_tokens: int) -> None:
        super().__init__()
        self.num_prefix_tokens = num_prefix_tokens
        self.embedding = nn.Conv2d(3, self.width, self.patch_size, self.patch_size)
        self.prefix = nn.Parameter(torch.randn(num_prefix_tokens, self.width))

    def layer_groups(self) -> list:
        return [[self.prefix], [self.embedding]]

    def resample_state(self, name: str, tensor: Tensor, mode: str | None = None) -> Tensor:
        return tensor

    def forward(self, frames: Tensor) -> VisionTokens:
        x = self.embedding(frames.flatten(0, 1))
        patches = x.flatten(2).transpose(1, 2).unflatten(0, frames.shape[:2]).flatten(1, 2)
        prefix = self.prefix.expand(len(frames), -1, -1)
        return VisionTokens(torch.cat([prefix, patches], 1), frames.shape[1], tuple(x.shape[-2:]))


@pytest.mark.parametrize('count', [0, 1, 5])
def test_an_encoder_may_have_any_number_of_prefix_tokens(count: int) -> None:
    encoder = PatchEncoder(count)
    batch = some_batch(2, frames=2, label=torch.tensor([0, 1]))
    network = MPlug2Network(encoder)
    vision = network.encode_vision(batch['frames'])
    tokens = vision.tokens
    assert torch.equal(vision.pooled, tokens[:, 0] if count else tokens.mean(1))
    assert torch.equal(vision.select(torch.tensor([1, 0])).pooled, vision.pooled[[1, 0]])
    model = MPlug2(dict(vision_encoder=encoder), dict(task=dict(type='Classification', num_classes=3)))
    assert model(batch, mode='loss')['loss_class'].isfinite()


class ClipNetwork(Network):
    """Two encoders that meet in nothing but a contrast."""

    stages = {'vision': ('vision_encoder',), 'text': ('text_encoder',)}

    def width_of(self, stage: str) -> int:
        return getattr(self, f'{stage}_encoder').width

    def encode_vision(self, frames: Tensor) -> VisionFeatures:
        tokens = self.vision_encoder(frames).tokens
        return VisionFeatures(tokens, None, tokens, self.vision_encoder.num_prefix_tokens)

    def encode_text(self, text: Tokens) -> TextFeatures:
        tokens = self.text_encoder(text)
        return TextFeatures(tokens, tokens, text.mask)


def test_a_wiring_of_another_package_serves_the_same_tasks() -> None:
    parts = two_widths()
    network = dict(type=ClipNetwork, vision_encoder=parts['vision_encoder'], text_encoder=parts['text_encoder'])
    task = dict(type='ZeroShotClassification', names=['zero', 'one'], projection_dim=8)
    model = MPlug2(network, dict(task=task), tokenizers=dict(text=TOKENIZER))
    model.init_weights()
    batch = some_batch(3, label=torch.tensor([0, 1, 1]))
    model(batch, mode='loss')['loss_class'].backward()
    assert {name for name, parameter in model.named_parameters() if parameter.grad is None} <= {
        name for name, _ in model.named_parameters() if 'temporal' in name
    }
    assert [sample.pred_label in (0, 1) for sample in model.eval()(batch, mode='predict')] == [True] * 3
    with pytest.raises(ValueError, match='asks for the stage decoder and fused, which ClipNetwork lacks; it has vision, text'):
        MPlug2(network, CAPTIONING, TOKENIZER)


def test_tokenizers_belong_to_roles() -> None:
    network = small_network_cfg()
    network['text_encoder'].update(vocab_size=999)
    with pytest.raises(ValueError, match='text_encoder has 999 words, but the tokenizer has 1000'):
        MPlug2(network, CAPTIONING, TOKENIZER)
    model = MPlug2(network, CAPTIONING, tokenizers=dict(decoder=TOKENIZER))
    assert list(model.tokenizers) == ['decoder']
    with pytest.raises(ValueError, match='the roles text and decoder, not encoder'):
        MPlug2(network, CAPTIONING, tokenizers=dict(encoder=TOKENIZER))
