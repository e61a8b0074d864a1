"""Vision encoders of other packages: transformers' outputs, temporal modules between their layers, weights from folders."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from transformers import AutoConfig, AutoModel

from mplug2.modules import HuggingFaceVisionEncoder, LocalTemporal, TimmVisionEncoder
from tests.modules import timm_like
from tests.modules.helpers import randomize, some_frames

SIZES = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
SIZES |= dict(image_size=32, crop_size=32, patch_size=8)
FRAME_WISE = ['siglip_vision_model', 'clip_vision_model', 'dinov2', 'dinov2_with_registers', 'dinov3_vit']
CLIP_WISE = ['videomae', 'vjepa2']
PREFIXES = dict(clip_vision_model=1, dinov2=1, dinov2_with_registers=5, dinov3_vit=5)


def config_of(kind: str, **sizes: object) -> dict:
    predictor = dict(pred_hidden_size=12, pred_num_attention_heads=1, pred_num_hidden_layers=1)
    extra = dict(
        vjepa2=dict(mlp_ratio=2.0, frames_per_clip=4, **predictor), videomae=dict(num_frames=4), dinov2=dict(mlp_ratio=2)
    )
    return dict(model_type=kind, **SIZES, num_register_tokens=4, **extra.get(kind, {})) | sizes


def save(kind: str, folder: str, **sizes: object) -> nn.Module:
    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.for_model(**config_of(kind, **sizes))).eval()
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize('kind', [*FRAME_WISE, *CLIP_WISE])
def test_tokens_are_those_of_transformers(kind: str, tmp_path) -> None:
    theirs = save(kind, str(tmp_path))
    encoder = HuggingFaceVisionEncoder(str(tmp_path), temporal=dict(type=LocalTemporal)).eval()
    encoder.init_weights()  # temporal modules end in zeros
    frames = some_frames(2, 4)
    out = encoder(frames)
    assert encoder.num_prefix_tokens == PREFIXES.get(kind, 0)
    assert (out.num_frames, out.grid) == (2 if kind in CLIP_WISE else 4, (4, 4))
    if kind in CLIP_WISE:
        extra = dict(skip_predictor=True) if kind == 'vjepa2' else {}
        expected = theirs(frames, **extra).last_hidden_state
    else:
        expected = theirs(frames.flatten(0, 1)).last_hidden_state
        expected = theirs.post_layernorm(expected) if kind == 'clip_vision_model' else expected
        expected = expected.unflatten(0, (2, 4))
        first = encoder.num_prefix_tokens
        expected = torch.cat([expected[:, :, :first].mean(1), expected[:, :, first:].flatten(1, 2)], 1)
    assert_close(out.tokens, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('kind', ['siglip_vision_model', 'dinov2_with_registers', 'videomae'])
def test_temporal_modules_mix_frames_and_all_learn(kind: str) -> None:
    encoder = randomize(HuggingFaceVisionEncoder(config_of(kind), temporal=dict(type=LocalTemporal)))
    frames = some_frames(1, 4)
    changed = frames.clone()
    changed[:, 2] += 1
    encoder(frames).tokens.square().mean().backward()
    assert not [name for name, p in encoder.named_parameters() if p.requires_grad and p.grad is None]

    def last_frame(encoder: nn.Module, frames: Tensor) -> Tensor:
        return encoder.eval()(frames).tokens[:, -16:]

    assert not torch.allclose(last_frame(encoder, frames), last_frame(encoder, changed))
    if kind != 'videomae':  # whose own attention sees the whole clip
        alone = randomize(HuggingFaceVisionEncoder(config_of(kind)))
        assert_close(last_frame(alone, frames), last_frame(alone, changed))


def test_recomputation_keeps_the_number_of_frames() -> None:
    """Two clips of other lengths go forward before the first goes backward."""
    gradients = []
    for recompute in (False, True):
        encoder = randomize(HuggingFaceVisionEncoder(config_of('siglip_vision_model'), temporal=dict(type=LocalTemporal)))
        for layer in encoder.layers:
            layer.recompute = recompute
        outputs = [encoder(some_frames(2, count)).tokens.square().mean() for count in (4, 1)]
        sum(outputs).backward()
        gradients.append(encoder.layers[0].temporal.kernel.grad)
    assert_close(*gradients)


def test_a_folder_of_another_size_is_resampled(tmp_path) -> None:
    save('siglip_vision_model', str(tmp_path))
    encoder = HuggingFaceVisionEncoder(str(tmp_path), image_size=48).eval()
    encoder.init_weights()
    native = HuggingFaceVisionEncoder(str(tmp_path)).eval()
    native.init_weights()
    frames = some_frames(1, 1, 48)
    assert_close(encoder(frames).tokens, native(frames).tokens, rtol=1e-4, atol=1e-5)


def test_clips_of_other_lengths() -> None:
    encoder = HuggingFaceVisionEncoder(config_of('videomae')).eval()
    assert encoder(some_frames(2, 1)).tokens.shape == (2, 16, 24)
    assert encoder(some_frames(2, 3)).num_frames == 2
    with pytest.raises(ValueError, match='clips of 48 tokens, but VideoMAEModel has 32 positions'):
        encoder(some_frames(1, 6))
    with pytest.raises(ValueError, match='reads frames of 32 pixels, not 40x40'):
        encoder(some_frames(1, 2, 40))


def test_configs_that_are_none() -> None:
    with pytest.raises(ValueError, match="the config needs a 'model_type'"):
        HuggingFaceVisionEncoder(dict(hidden_size=32))
    with pytest.raises(ValueError, match='frames of 30x30 pixels do not divide into patches of 8'):
        HuggingFaceVisionEncoder(config_of('dinov2'))(some_frames(1, 1, 30))


def test_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    timm_like.install(monkeypatch)
    encoder = TimmVisionEncoder('small_vit', pretrained=True, temporal=dict(type=LocalTemporal)).eval()
    encoder.init_weights()
    frames = some_frames(2, 3, 48)
    theirs = timm_like.create_model('small_vit', pretrained=True).eval()
    expected = theirs.forward_features(frames.flatten(0, 1)).unflatten(0, (2, 3))
    expected = torch.cat([expected[:, :, :1].mean(1), expected[:, :, 1:].flatten(1, 2)], 1)
    assert_close(encoder(frames).tokens, expected)
    assert [len(group) for group in encoder.layer_groups()][:1] == [4]
    convolutions = TimmVisionEncoder('small_conv').eval()
    out = convolutions(some_frames(2, 3))
    assert (out.tokens.shape, out.grid) == ((2, 3 * 16, 16), (4, 4))
    assert_close(out.tokens[0, 0], convolutions.model.forward_features(some_frames(2, 3)[0])[0, :, 0, 0])
    with pytest.raises(ValueError, match='no blocks of one width'):
        TimmVisionEncoder('small_conv', temporal=dict(type=LocalTemporal))


def test_without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ImportError, match=r"pip install 'mplug2\[timm\]'"):
        TimmVisionEncoder('small_vit')
