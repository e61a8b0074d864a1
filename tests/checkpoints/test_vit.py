"""CLIP and DINOv2: parity of the vision encoder they fill, and the way back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from transformers import CLIPVisionConfig, CLIPVisionModel, Dinov2Config, Dinov2Model

from mplug2.checkpoints import (
    CheckpointError,
    ClipFormat,
    ClipWeights,
    DinoFormat,
    DinoWeights,
    HuggingFaceClipFormat,
    HuggingFaceDinoFormat,
)
from mplug2.checkpoints.formats.adapter import Adapter
from mplug2.modules import DualVisionEncoder, LocalTemporal
from mplug2.modules.encoders.vision import resample_patches
from mplug2.modules.layers import quick_gelu
from mplug2.networks import MPlug2Network, Network

SIZES = dict(width=32, num_layers=2, num_heads=4, ffn_dim=64)
DINO = dict(activation='gelu', eps=1e-6, pre_norm_embedding=False, patch_bias=True, layer_scale=1.0, position_resize='bicubic')


def randomised(model: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def clip_reference() -> nn.Module:
    config = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    return randomised(CLIPVisionModel(CLIPVisionConfig(**config, image_size=32, patch_size=8, projection_dim=16)))


def dino_reference(image_size: int = 32) -> nn.Module:
    config = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, mlp_ratio=2)
    return randomised(Dinov2Model(Dinov2Config(**config, image_size=image_size, patch_size=8)))


def network(image_size: int = 32, patch_size: int = 8, **how) -> Network:
    return MPlug2Network(vision_encoder=DualVisionEncoder(image_size, patch_size, **SIZES, **how)).eval()


def images(side: int = 32) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def test_clip_of_transformers() -> None:
    reference, ours = clip_reference(), network()
    ClipWeights(reference.state_dict())(ours)
    with torch.no_grad():
        expected = getattr(reference, 'vision_model', reference).post_layernorm(reference(images()).last_hidden_state)
        assert_close(ours.vision_encoder(images()[:, None]).tokens, expected, rtol=1e-4, atol=1e-5)


class OpenAIBlock(nn.Module):
    """A CLIP block with the attention of PyTorch, whose parameters OpenAI's files name."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(32, 4, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(32), nn.LayerNorm(32)
        self.mlp = nn.ModuleDict(dict(c_fc=nn.Linear(32, 64), c_proj=nn.Linear(64, 32)))

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp.c_proj(quick_gelu(self.mlp.c_fc(self.ln_2(x))))


def test_clip_of_openai_in_half_precision() -> None:
    """Keys as in ``ViT-L-14.pt``, whose weights are fp16; text tower and projection are left out."""
    blocks = randomised(nn.Sequential(OpenAIBlock(), OpenAIBlock()))
    stem = randomised(nn.ModuleDict(dict(ln_pre=nn.LayerNorm(32), ln_post=nn.LayerNorm(32))))
    state = {f'visual.transformer.resblocks.{key}': value for key, value in blocks.state_dict().items()}
    state |= {f'visual.{key}': value for key, value in stem.state_dict().items()}
    state['visual.conv1.weight'] = torch.randn(32, 3, 8, 8) * 0.1
    state['visual.class_embedding'] = torch.randn(32)
    state['visual.positional_embedding'] = torch.randn(17, 32)
    state['visual.proj'] = torch.randn(32, 16)
    state['transformer.resblocks.0.ln_1.weight'] = torch.randn(16)
    state = {key: value.half() for key, value in state.items()}
    for model, prefix in ((blocks, 'visual.transformer.resblocks.'), (stem, 'visual.')):
        model.load_state_dict({key: state[prefix + key].float() for key in model.state_dict()})

    ours = network()
    report = ClipWeights(state)(ours)
    assert set(report.left_out) == {'visual.proj', 'transformer.resblocks.0.ln_1.weight'}
    assert {parameter.dtype for parameter in ours.parameters()} == {torch.float32}
    with torch.no_grad():
        x = nn.functional.conv2d(images(), state['visual.conv1.weight'].float(), stride=8).flatten(2).transpose(1, 2)
        x = torch.cat([state['visual.class_embedding'].float().expand(2, 1, -1), x], 1)
        x = blocks(stem.ln_pre(x + state['visual.positional_embedding'].float()))
        assert_close(ours.vision_encoder(images()[:, None]).tokens, stem.ln_post(x), rtol=1e-4, atol=1e-5)


def test_clip_leaves_temporal_modules_as_they_start() -> None:
    ours = network(temporal=dict(type=LocalTemporal))
    ours.vision_encoder.init_weights()
    report = ClipWeights(clip_reference().state_dict())(ours)
    assert report.new
    assert all('temporal_' in key or 'residual_' in key for key in report.new)
    plain = network()
    ClipWeights(clip_reference().state_dict())(plain)
    with torch.no_grad():  # the last projection of a temporal module starts at zero, so the image model is unchanged
        clips = images()[:, None].expand(-1, 3, -1, -1, -1)
        assert_close(ours.vision_encoder(clips).tokens, plain.vision_encoder(clips).tokens)


def test_dino_of_transformers() -> None:
    reference, ours = dino_reference(), network(**DINO)
    report = DinoWeights(reference.state_dict())(ours)
    assert set(report.left_out) == {'embeddings.mask_token'}
    with torch.no_grad():
        expected = reference(images()).last_hidden_state
        assert_close(ours.vision_encoder(images()[:, None]).tokens, expected, rtol=1e-4, atol=1e-5)


def test_positions_of_another_grid_are_resampled_as_the_source_does() -> None:
    reference, ours = dino_reference(image_size=56), network(**DINO)
    report = DinoWeights(reference.state_dict())(ours)
    assert report.resized == ('vision_encoder.position_embedding',)
    with torch.no_grad():
        expected = reference(images()).last_hidden_state
        assert_close(ours.vision_encoder(images()[:, None]).tokens, expected, rtol=1e-4, atol=1e-5)


def test_patch_kernels_of_another_size_are_resampled() -> None:
    ours = network(image_size=40, patch_size=10)
    ClipWeights(clip_reference().state_dict())(ours)
    assert ours.vision_encoder.patch_embedding.weight.shape[-2:] == (10, 10)


@pytest.mark.parametrize('size', [10, 16])
def test_resampled_patches_give_resized_images_the_same_tokens(size: int) -> None:
    kernel, patch = torch.randn(4, 3, 8, 8), torch.randn(1, 3, 8, 8)
    resized = nn.functional.interpolate(patch, (size, size), mode='bilinear', align_corners=False)
    expected = nn.functional.conv2d(patch, kernel)
    assert_close(nn.functional.conv2d(resized, resample_patches(kernel, size)), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ('adapter', 'other'),
    [(HuggingFaceClipFormat(), ClipFormat()), (HuggingFaceDinoFormat(), DinoFormat())],
    ids=['clip', 'dino'],
)
def test_there_and_back_in_both_spellings(adapter: Adapter, other: Adapter) -> None:
    reference = clip_reference() if 'clip' in adapter.name else dino_reference()
    state = adapter.clean(reference.state_dict())
    state = {key: value for key, value in state.items() if 'ids' not in key and 'mask_token' not in key}
    ours = adapter.to_mplug2(state)
    foreign = other.from_mplug2(ours)
    assert other.recognises(foreign)
    assert not adapter.recognises(foreign)
    back = adapter.from_mplug2(other.to_mplug2(foreign))
    assert back.keys() == state.keys()
    for key, value in state.items():
        assert_close(back[key], value, rtol=0, atol=0)


def test_a_file_of_another_format_is_named() -> None:
    with pytest.raises(
        CheckpointError, match=r'none of the formats dino, dino-hf: its keys are like (vision_model|embeddings)\.'
    ):
        DinoWeights(clip_reference().state_dict())(network(**DINO))
