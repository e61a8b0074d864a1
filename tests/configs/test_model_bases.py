"""The shipped model bases: their sizes, and that every form of them runs."""

from __future__ import annotations

import pytest
import torch

from mplug2.config.load import load_config
from mplug2.networks import Features, Network
from mplug2.registry import MODELS
from mplug2.structures import Batch, Tokens

SIZES = ['tiny', 'small', 'base', 'large']


def network_of(name: str, device: str = 'meta', **changes) -> Network:
    cfg = load_config(f'_base_/models/mplug2_{name}').model.network
    for module, keys in changes.items():
        cfg[module].update(keys)
    with torch.device(device):
        return MODELS.build(cfg)


def millions(module: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


def test_base_and_large_have_the_published_number_of_parameters() -> None:
    base, large = network_of('base'), network_of('large')
    assert millions(base) == pytest.approx(380, abs=1.5)
    assert millions(large) == pytest.approx(1032, abs=1.5)
    # counted from the layers' sizes: two temporal modules of a LayerNorm, C x C/2, 3 taps and C/2 x C a block, beside the ViT
    temporal = 2 * (2 * 768 + (768 * 384 + 384) + (3 * 384 + 384) + (384 * 768 + 768))
    vit = 86.19e6 - 768 * 512  # ViT-B/16 of CLIP with its projection
    assert millions(base.vision_encoder) * 1e6 == pytest.approx(vit + 12 * temporal, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('form', ['', '_paper'])
def test_every_base_runs(size: str, form: str) -> None:
    """Shapes alone, on the meta device: an image and a clip, captioned under an instruction."""
    network = network_of(size + form)
    side = 64 if size == 'tiny' else 224
    text = Tokens(torch.zeros(2, 7, dtype=torch.long, device='meta'), torch.ones(2, 7, dtype=torch.bool, device='meta'))
    for frames in (1, 2):
        batch = Batch(frames=torch.zeros(2, frames, 3, side, side, device='meta'), text=text)
        features = Features(network, batch)
        patches = (side // network.vision_encoder.patch_size) ** 2
        assert features.vision().memory.shape == (2, 1 + frames * patches, network.width_of('vision'))
        logits = network.decoder(text.ids, features.memory('fused'))
        assert logits.shape == (2, 7, network.decoder.vocab_size)


@pytest.mark.parametrize('size', SIZES)
def test_the_paper_form_differs_where_the_equations_do(size: str) -> None:
    release, paper = network_of(size), network_of(f'{size}_paper')
    width = paper.vision_encoder.width
    for block in paper.vision_encoder.blocks:
        assert block.temporal_before_ffn is None
        assert block.temporal_before_attention.down.out_features == width
        assert block.temporal_before_attention.bias is None
        assert not block.layer.self_residual.pre
    assert not paper.vision_encoder.temporal_on_images
    assert not paper.universal.swap_last
    assert release.universal.swap_last
    assert all(
        block.temporal_before_ffn is not None and block.layer.self_residual.pre for block in release.vision_encoder.blocks
    )
    for name in ('text_encoder', 'fusion', 'decoder'):
        assert millions(getattr(release, name)) == millions(getattr(paper, name))


@pytest.mark.parametrize(
    'name',
    [
        'pretraining/mplug2_base',
        'video_captioning/mplug2_base_msrvtt',
        'mini/pretrain',
        'mini/video_captioning',
    ],
)
def test_recipes_in_the_paper_s_form_differ_in_the_network_alone(name: str) -> None:
    release, paper = load_config(name), load_config(f'{name}_paper')
    assert paper.model.network.universal.form == 'paper'
    assert paper.model.network.vision_encoder.norm == 'post'
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'):
        assert paper[key] == release[key]
    assert paper.model.tasks == release.model.tasks
