"""The dual-vision encoder against transformers' CLIP and DINOv2, and its own variants against written-out references."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from transformers import CLIPVisionConfig, CLIPVisionModel, Dinov2Config, Dinov2Model

from mplug2.checkpoints.formats.adapter import Entry
from mplug2.checkpoints.formats.vit import HuggingFaceClipFormat, HuggingFaceDinoFormat
from mplug2.modules import DualVisionEncoder, LocalTemporal, TemporalConvolution, TemporalSelfAttention
from mplug2.modules.encoders.vision import resize_positions, windowed_attention
from tests.modules.helpers import carry_over, randomize, some_frames

TOLERANCE = dict(rtol=1e-4, atol=1e-5)


def encoder_of(**changes) -> DualVisionEncoder:
    sizes = dict(image_size=32, patch_size=8, width=16, num_layers=2, num_heads=2, temporal=dict(type=LocalTemporal))
    return randomize(DualVisionEncoder(**{**sizes, **changes})).eval()


def entries_of(kind: type, num_layers: int) -> Iterator[Entry]:
    yield from kind().table(num_layers)


def test_an_image_without_temporal_modules_is_clip() -> None:
    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, image_size=32, patch_size=8
    )
    theirs = randomize(CLIPVisionModel(config)).eval()
    ours = DualVisionEncoder(32, 8, 32, 3, 4, ffn_dim=48).eval()
    carry_over(ours, 'vision_encoder', entries_of(HuggingFaceClipFormat, 3), HuggingFaceClipFormat.clean(theirs.state_dict()))
    image = some_frames(2, 1)
    # transformers normalises the class token alone, after the blocks
    expected = getattr(theirs, 'vision_model', theirs).post_layernorm(theirs(image[:, 0]).last_hidden_state)
    assert_close(ours(image).tokens, expected, **TOLERANCE)


@pytest.mark.parametrize('size', [32, 24, 48])
def test_an_image_without_temporal_modules_is_dinov2(size: int) -> None:
    """LayerScale, exact GELU, a bias in the patch convolution, and positions resampled to the image's grid."""
    config = Dinov2Config(
        hidden_size=32,
        mlp_ratio=4,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        layerscale_value=0.5,
    )
    theirs = randomize(Dinov2Model(config)).eval()
    ours = DualVisionEncoder(
        32,
        8,
        32,
        2,
        4,
        activation='gelu',
        eps=1e-6,
        pre_norm_embedding=False,
        patch_bias=True,
        layer_scale=0.5,
        position_resize='bicubic',
    ).eval()
    carry_over(ours, 'vision_encoder', entries_of(HuggingFaceDinoFormat, 2), HuggingFaceDinoFormat.clean(theirs.state_dict()))
    image = some_frames(2, 1, size)
    assert_close(ours(image).tokens, theirs(image[:, 0]).last_hidden_state, **TOLERANCE)


def test_frames_without_temporal_modules_do_not_mix() -> None:
    encoder = encoder_of(temporal=None)
    frames = some_frames(2, 3)
    out = encoder(frames).tokens
    assert out.shape == (2, 1 + 3 * 16, 16)
    alone = torch.cat([encoder(frames[:, t : t + 1]).tokens[:, 1:] for t in range(3)], 1)
    assert_close(out[:, 1:], alone, **TOLERANCE)


@pytest.mark.parametrize('kind', [LocalTemporal, TemporalSelfAttention, TemporalConvolution], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize('places', [('attention',), ('feed_forward',), ('attention', 'feed_forward')], ids='+'.join)
def test_temporal_modules_mix_frames_wherever_they_stand(kind: type, places: tuple[str, ...]) -> None:
    heads = dict(num_heads=2) if kind is TemporalSelfAttention else {}
    encoder = encoder_of(temporal=dict(type=kind, **heads), temporal_at=places)
    for block in encoder.blocks:
        assert (block.temporal_before_attention is None) == ('attention' not in places)
        assert (block.temporal_before_ffn is None) == ('feed_forward' not in places)
    frames = some_frames(1, 4)
    before = encoder(frames).tokens[:, 1:].unflatten(1, (4, 16))
    frames[:, 3] += 1
    after = encoder(frames).tokens[:, 1:].unflatten(1, (4, 16))
    assert not torch.allclose(before[:, 2], after[:, 2])


def test_the_paper_form_follows_equations_1_to_3() -> None:
    """One block, post-norm: LN(LT(V) + V), LN(SA(V) + V), LN(FFN(V) + V); the class token bypasses LT."""
    encoder = encoder_of(norm='post', temporal_at=('attention',), num_layers=1)
    block = encoder.blocks[0]
    x = torch.randn(6, 1 + 16, 16)
    patches = x[:, 1:].unflatten(0, (2, 3))
    patches = block.residual_before_attention.norm(block.temporal_before_attention(patches) + patches).flatten(0, 1)
    y = torch.cat([x[:, :1], patches], 1)
    layer = block.layer
    y = layer.self_residual.norm(layer.self_attention(y) + y)
    y = layer.feed_forward_residual.norm(layer.feed_forward(y) + y)
    assert_close(block(x, 3, (4, 4), True), y, **TOLERANCE)


def test_temporal_modules_on_images_are_an_argument() -> None:
    image = some_frames(2, 1)
    on, off, none = (encoder_of(temporal_on_images=flag) for flag in (True, False, False))
    for block in none.blocks:
        block.temporal_before_attention = block.temporal_before_ffn = None
    assert_close(off(image).tokens, none(image).tokens)
    assert not torch.allclose(on(image).tokens, off(image).tokens)
    clip = some_frames(1, 2)
    assert_close(on(clip).tokens, off(clip).tokens)


@pytest.mark.parametrize('mode', ['bilinear', 'bicubic'])
def test_positions_are_resampled_on_their_grid(mode: str) -> None:
    table = torch.randn(1 + 37 * 37, 6)
    assert resize_positions(table, (37, 37), mode) is table
    out = resize_positions(table, (16, 20), mode)
    assert out.shape == (1 + 16 * 20, 6)
    assert_close(out[0], table[0])
    expected = F.interpolate(table[1:].T.reshape(1, 6, 37, 37), (16, 20), mode=mode, align_corners=False)
    assert_close(out[1:].T.reshape(1, 6, 16, 20), expected)


def test_frames_need_not_be_square_nor_of_the_table_size() -> None:
    assert encoder_of()(torch.randn(1, 2, 3, 24, 40)).tokens.shape == (1, 1 + 2 * 15, 16)
    with pytest.raises(ValueError, match='24x36 pixels do not divide into patches of 8'):
        encoder_of()(torch.randn(1, 2, 3, 24, 36))


# Windows


def windows_by_hand(attention, x: torch.Tensor, grid: tuple[int, int], window: int) -> torch.Tensor:
    """Window by window and sample by sample."""
    rows, columns = grid
    out, class_tokens = torch.zeros_like(x), []
    numbers = torch.arange(rows * columns).view(grid)
    for top in range(0, rows, window):
        for left in range(0, columns, window):
            index = torch.cat([torch.tensor([0]), 1 + numbers[top : top + window, left : left + window].flatten()])
            seen = attention(x[:, index])
            out[:, index[1:]] = seen[:, 1:]
            class_tokens.append(seen[:, 0])
    out[:, 0] = torch.stack(class_tokens).mean(0)
    return out


@pytest.mark.parametrize(('grid', 'window'), [((4, 4), 2), ((5, 7), 3), ((3, 8), 4), ((6, 2), 4)])
def test_windows_equal_windows_cut_by_hand(grid: tuple[int, int], window: int) -> None:
    attention = encoder_of().blocks[0].layer.self_attention
    x = torch.randn(3, 1 + grid[0] * grid[1], 16, requires_grad=True)
    ours, expected = windowed_attention(attention, x, grid, window), windows_by_hand(attention, x, grid, window)
    assert_close(ours, expected, **TOLERANCE)
    assert_close(*(torch.autograd.grad(out.square().sum(), x)[0] for out in (ours, expected)), **TOLERANCE)


@pytest.mark.parametrize('window', [4, 5, 9])
def test_a_window_that_covers_the_grid_is_global_attention(window: int) -> None:
    attention = encoder_of().blocks[0].layer.self_attention
    x = torch.randn(3, 1 + 16, 16)
    assert_close(windowed_attention(attention, x, (4, 4), window), attention(x), **TOLERANCE)
    frames = some_frames(2, 2)
    assert_close(encoder_of(window=window)(frames).tokens, encoder_of()(frames).tokens)


def test_some_blocks_stay_global() -> None:
    frames = some_frames(1, 2)
    windowed, mixed = encoder_of(window=2), encoder_of(window=2, global_blocks=(0, 1))
    assert_close(mixed(frames).tokens, encoder_of()(frames).tokens)
    assert not torch.allclose(windowed(frames).tokens, mixed(frames).tokens)
    with pytest.raises(ValueError, match=r'global_blocks names blocks \[2\], but the encoder has blocks 0 to 1'):
        encoder_of(global_blocks=(1, 2))


# Frozen stages


@pytest.mark.parametrize('stages', [-1, 0, 1, 2])
def test_frozen_stages_neither_learn_nor_drop_paths(stages: int) -> None:
    encoder = encoder_of(frozen_stages=stages, drop_path=0.5).train()
    encoder(some_frames(2, 2)).tokens.square().sum().backward()
    stem = [encoder.class_embedding, encoder.position_embedding, encoder.patch_embedding.weight]
    assert all((parameter.grad is None) == (stages >= 0) for parameter in stem)
    for depth, block in enumerate(encoder.blocks):
        assert all((parameter.grad is None) == (depth < stages) for parameter in block.parameters())
        assert block.training == (depth >= stages)
    assert encoder.norm_after.weight.grad is not None


def test_drop_path_grows_with_depth() -> None:
    blocks = encoder_of(num_layers=3, drop_path=0.2).blocks
    assert [block.layer.self_residual.drop_path.probability for block in blocks] == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(image_size=30), 'image_size 30 is not a multiple of patch_size 8'),
        (dict(temporal_at=('before',)), "temporal_at takes 'attention' and 'feed_forward', not \\['before'\\]"),
        (dict(frozen_stages=3), 'frozen_stages 3 must be between -1 and the number of layers, 2'),
        (dict(norm='middle'), "norm is 'pre' or 'post'"),
        (dict(num_heads=3), 'width 16 is not divisible by 3 heads'),
    ],
)
def test_wrong_arguments_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encoder_of(**wrong)
