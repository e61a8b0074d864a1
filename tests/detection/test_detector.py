"""The network inside Cascade Mask R-CNN: its row of Table 2, its map, its weights, its precision."""

from __future__ import annotations

import pytest
import torch
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.registry import DefaultScope
from torch import nn

from mplug2.checkpoints import MPlug2Weights
from mplug2.config.load import load_config
from mplug2.detection import ChannelNorm, SimpleFeaturePyramid, VisionBackbone
from mplug2.engine import LayerDecayConstructor
from mplug2.modules import DualVisionEncoder, LocalTemporal, UniversalLayers
from mplug2.registry import MODELS

from ..tasks.test_specs import recording
from . import cases

LAYER = dict(width=32, num_heads=2, ffn_dim=48)


def network(**vision) -> dict:
    how = dict(type=DualVisionEncoder, image_size=32, patch_size=8, num_layers=3, temporal=dict(type=LocalTemporal), **LAYER)
    return dict(
        vision_encoder=how | vision,
        universal=dict(type=UniversalLayers, num_layers=2, num_queries=5, dropout=0.0, **LAYER),
    )


def backbone(**vision) -> VisionBackbone:
    torch.manual_seed(0)
    built = VisionBackbone(network(**vision))
    built.init_weights()
    return built.eval()


@pytest.fixture(scope='module')
def detector():
    return cases.small_detector()


def test_a_detector_touches_its_row_of_the_table(detector):
    inner = detector.backbone.model.network
    assert detector.backbone.spec.inputs == {'image'}
    assert inner.modules_of(detector.backbone.spec.stages) == {'vision_encoder', 'universal'}
    with recording(inner) as seen:
        cases.step(detector)
    assert seen['modules'] == inner.modules_of(detector.backbone.spec.stages)
    assert seen['inputs'] == {'frames'}
    assert sum(seen['encoded'].values()) == 2  # a training and a test batch, each encoded once
    assert not seen['fused']
    assert inner.text_encoder is None
    assert inner.decoder is None


def test_the_map_is_the_vision_tokens_after_the_universal_layers():
    built = backbone()
    images = torch.randn(2, 3, 32, 48)
    (dense,) = built(images)
    assert dense.shape == (2, 32, 4, 6)
    memory = built.model.network.encode_vision(images[:, None]).memory
    torch.testing.assert_close(dense[1, :, 2, 5], memory[1, 1 + 2 * 6 + 5])


def test_without_universal_layers_the_map_is_the_encoders_own():
    torch.manual_seed(0)
    built = VisionBackbone(network() | dict(universal=None)).eval()
    built.init_weights()
    images = torch.randn(2, 3, 32, 48)
    (dense,) = built(images)
    tokens = built.model.network.vision_encoder(images[:, None]).tokens
    torch.testing.assert_close(dense.flatten(2).transpose(1, 2), tokens[:, 1:])
    assert built.model.network.modules_of(built.spec.stages) == {'vision_encoder'}


def test_images_that_do_not_divide_into_patches_are_refused():
    with pytest.raises(ValueError, match='frames of 36x32 pixels do not divide into patches of 8'):
        backbone()(torch.randn(1, 3, 36, 32))


def test_windows_keep_far_places_apart_and_global_blocks_join_them():
    images = torch.randn(1, 3, 64, 64)
    changed = images.clone()
    changed[..., :8, :8] += 1

    def reach(**vision) -> torch.Tensor:
        """Which places of the encoder's map the change reaches."""
        encoder = backbone(image_size=64, **vision).model.network.vision_encoder
        for block in encoder.blocks:  # the class token, which every window sees, is left out
            block.layer.self_attention.qkv.weight.data[32:].mul_(3)
        tokens = encoder(changed[:, None]).tokens - encoder(images[:, None]).tokens
        return tokens[0, 1:].norm(dim=-1).view(8, 8)

    near, far = reach(window=4, num_layers=1), reach(window=4, num_layers=1, global_blocks=(0,))
    assert (near[:4, :4] > 0).all()
    assert near[4:, 4:].max() == 0
    assert (far > 0).all()


def test_mmdet_builds_it_by_name():
    """From strings, under the default scope that mmdet's own configs set."""
    inner = network()
    for part, name in (('vision_encoder', 'DualVisionEncoder'), ('universal', 'UniversalLayers')):
        inner[part]['type'] = f'mplug2.{name}'
    inner['vision_encoder']['temporal']['type'] = 'mplug2.LocalTemporal'
    anchors = dict(type='AnchorGenerator', ratios=[1.0], scales=[4], strides=[2, 4, 8, 16, 32])
    cfg = dict(
        type='RetinaNet',
        backbone=dict(type='mplug2.VisionBackbone', network=inner),
        neck=dict(type='mplug2.SimpleFeaturePyramid', width=32, out_channels=16),
        bbox_head=dict(type='RetinaHead', num_classes=3, in_channels=16, feat_channels=16, anchor_generator=anchors),
        data_preprocessor=dict(type='DetDataPreprocessor'),
    )
    with DefaultScope.overwrite_default_scope('mmdet'):
        built = MMDET_MODELS.build(cfg)
    assert isinstance(built.backbone, VisionBackbone)
    assert len(built(torch.randn(1, 3, 64, 64), mode='tensor')[0]) == 5


def test_the_pyramid_halves_from_level_to_level():
    levels = SimpleFeaturePyramid(32, 16)([torch.randn(2, 32, 8, 6)])
    assert [tuple(level.shape) for level in levels] == [(2, 16, *side) for side in ((32, 24), (16, 12), (8, 6), (4, 3), (2, 2))]
    assert all(level.is_contiguous() for level in levels)  # which compiled operators take for granted
    with pytest.raises(ValueError, match='not 3'):
        SimpleFeaturePyramid(32, 16, scales=(3,))
    with pytest.raises(ValueError, match='num_outs 1 is less than the 2 scales'):
        SimpleFeaturePyramid(32, 16, scales=(2, 1), num_outs=1)


def test_channel_norm_is_layer_norm_of_each_place():
    norm, reference = ChannelNorm(6), nn.LayerNorm(6, 1e-6)
    nn.init.normal_(norm.weight)
    reference.weight.data.copy_(norm.weight.data)
    x = torch.randn(2, 6, 3, 4)
    torch.testing.assert_close(norm(x)[1, :, 2, 3], reference(x[1, :, 2, 3]))


def test_weights_of_a_network_enter_with_another_patch_size_and_leave_a_detector():
    source = backbone(image_size=28, patch_size=14)
    state = {f'network.{key}': value for key, value in source.model.network.state_dict().items()}
    built = VisionBackbone(network(image_size=64, patch_size=16))
    built.model.init_cfg = dict(type=MPlug2Weights, source=state, parts=['vision_encoder', 'universal'])
    built.init_weights()
    ours = built.model.network
    assert ours.vision_encoder.patch_embedding.weight.shape[-1] == 16
    torch.testing.assert_close(ours.universal.queries, source.model.network.universal.queries)
    # An image blown up by 16 / 14 gives about the same patch embedding.
    small = nn.functional.interpolate(torch.randn(1, 3, 4, 4), (28, 28), mode='bilinear')
    large = nn.functional.interpolate(small, (32, 32), mode='bilinear')
    one = source.model.network.vision_encoder.patch_embedding(small)
    torch.testing.assert_close(ours.vision_encoder.patch_embedding(large), one, rtol=0.2, atol=0.05)
    detector = {f'backbone.{key}': value for key, value in built.state_dict().items()}
    again = VisionBackbone(network(image_size=64, patch_size=16))
    MPlug2Weights(detector, prefix='backbone.model.')(again)
    for key, value in again.state_dict().items():
        torch.testing.assert_close(value, built.state_dict()[key])


def test_heads_run_in_full_precision_under_autocast(detector):
    kinds: dict[str, set] = {}
    hooks = []
    for part, module in (
        ('backbone', detector.backbone.model.network.vision_encoder.blocks[0].layer.feed_forward.up),
        ('rpn', detector.rpn_head.rpn_cls),
        ('box', detector.roi_head.bbox_head[0].fc_cls),
        ('mask', detector.roi_head.mask_head[0].conv_logits),
    ):
        hooks.append(module.register_forward_hook(lambda _, __, out, part=part: kinds.setdefault(part, set()).add(out.dtype)))
    with torch.autocast('cpu', torch.bfloat16):
        found = cases.step(detector)
    for hook in hooks:
        hook.remove()
    assert kinds == {'backbone': {torch.bfloat16}} | {part: {torch.float32} for part in ('rpn', 'box', 'mask')}
    assert all(map(lambda value: torch.as_tensor(value).isfinite().all(), found.values()))


def test_one_option_sets_the_number_of_categories():
    cfg = load_config('detection/mplug2_base_coco', {'model.num_classes': 1203}).model
    cfg.backbone.network.vision_encoder.num_layers, cfg.backbone.network.vision_encoder.global_blocks = 1, ()
    cfg.backbone.init_cfg = None
    with torch.device('meta'):
        model = MODELS.build(cfg)
    assert [head.num_classes for head in model.roi_head.bbox_head] == [1203] * 3
    assert {head.conv_logits.out_channels for head in model.roi_head.mask_head} == {1203}
    assert model.rpn_head.num_classes == 1


def test_rates_fall_towards_the_embedding():
    model = nn.ModuleDict(dict(backbone=backbone(), head=nn.Linear(3, 3)))
    how = dict(optimizer=dict(type='AdamW', lr=1.0, weight_decay=0.1), type='OptimWrapper')
    constructor = LayerDecayConstructor(how, dict(layer_decay=0.5, norm_decay_mult=0.0, bias_decay_mult=0.0))
    groups = constructor(model).optimizer.param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rates = {names[id(group['params'][0])]: (group['lr'], group['weight_decay']) for group in groups}
    assert set(rates) == set(names.values())
    encoder, universal = 'backbone.model.network.vision_encoder', 'backbone.model.network.universal'
    assert rates[f'{encoder}.patch_embedding.weight'] == (0.5**4, 0.1)
    assert rates[f'{encoder}.position_embedding'] == (0.5**4, 0.0)
    assert rates[f'{encoder}.blocks.0.layer.self_attention.qkv.weight'] == (0.5**3, 0.1)
    assert rates[f'{encoder}.blocks.2.layer.self_attention.qkv.bias'] == (0.5, 0.0)
    assert rates[f'{encoder}.norm_after.weight'] == (1.0, 0.0)
    assert rates[f'{universal}.layers.0.feed_forward.up.weight'] == (1.0, 0.1)
    assert rates['head.weight'] == (1.0, 0.1)


@pytest.mark.parametrize(
    ('size', 'spared'),
    [('base', {'norm_after.weight', 'norm_after.bias', 'position_embedding', 'class_embedding'}), ('large', set())],
)
def test_weight_decay_is_that_of_vitdet_and_of_eva(size, spared):
    optim = load_config(f'detection/mplug2_{size}_coco').optim_wrapper
    model = backbone()
    how = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1.0, weight_decay=optim.optimizer.weight_decay))
    groups = optim.constructor(how, optim.paramwise_cfg)(model).optimizer.param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decays = {names[id(group['params'][0])]: group['weight_decay'] for group in groups}
    encoder = 'model.network.vision_encoder.'
    for name in ('norm_after.weight', 'norm_after.bias', 'position_embedding', 'class_embedding', 'patch_embedding.weight'):
        assert decays[encoder + name] == (0.0 if name in spared else 0.1), name
    assert decays[f'{encoder}blocks.0.layer.self_attention.qkv.bias'] == 0.1
    assert decays['model.network.universal.queries'] == (0.1 if size == 'large' else 0.0)
