"""``init_cfg`` through MMEngine, and how strict loading is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModule
from mmengine.runner import Runner
from torch import Tensor
from torch.testing import assert_close

from mplug2.checkpoints import (
    BertFormat,
    BertWeights,
    CheckpointError,
    ClipFormat,
    ClipWeights,
    ForeignWeights,
    MPlug2Weights,
    convert,
    read_state,
    write_state,
)
from mplug2.model import MPlug2
from mplug2.modules import BertTextEncoder, DualVisionEncoder, FusionLayers, TextDecoder, UniversalLayers
from mplug2.registry import WEIGHT_FORMATS, WEIGHT_INITIALIZERS
from mplug2.tasks import Captioning, QuestionAnswering

LANGUAGE = dict(width=32, num_heads=4, ffn_dim=48)
WORDS = dict(vocab_size=50, max_positions=24)


def build(
    init_cfg: dict | list | None = None, task: dict | None = None, image_size: int = 32, seed: int = 0, norm: str = 'pre'
) -> MPlug2:
    torch.manual_seed(seed)
    vision = dict(width=32, num_layers=2, num_heads=4, ffn_dim=64, image_size=image_size, patch_size=8, norm=norm)
    return MPlug2(
        dict(
            vision_encoder=dict(type=DualVisionEncoder, **vision),
            text_encoder=dict(type=BertTextEncoder, num_layers=1, **WORDS, **LANGUAGE),
            universal=dict(type=UniversalLayers, num_layers=2, num_queries=4, **LANGUAGE),
            fusion=dict(type=FusionLayers, num_layers=1, **LANGUAGE),
            decoder=dict(type=TextDecoder, num_layers=2, **WORDS, **LANGUAGE),
        ),
        dict(task=task or dict(type=QuestionAnswering)),
        init_cfg=init_cfg,
    )


def saved(folder: Path) -> tuple[MPlug2, Path, Path]:
    """A model, and its vision and text in files of other projects."""
    model = build(seed=1)
    model.init_weights()
    state = model.network.state_dict()
    write_state(ClipFormat().from_mplug2(state), folder / 'clip.safetensors')
    write_state(BertFormat().from_mplug2(state), folder / 'bert.safetensors')
    return model, folder / 'clip.safetensors', folder / 'bert.safetensors'


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    for key, value in one.items():
        assert_close(value, other[key], rtol=0, atol=0)


@pytest.mark.parametrize('spelt', ['class', 'name'])
def test_initializers_run_after_the_modules_own_rules(tmp_path: Path, spelt: str) -> None:
    source, clip, bert = saved(tmp_path)
    kinds = (ClipWeights, BertWeights) if spelt == 'class' else ('ClipWeights', 'mplug2.BertWeights')
    parts = ('text_encoder', 'universal')
    model = build([dict(type=kinds[0], source=str(clip)), dict(type=kinds[1], source=str(bert), parts=parts)])
    model.init_weights()
    assert_equal(source.network.vision_encoder.state_dict(), model.network.vision_encoder.state_dict())
    assert_equal(source.network.text_encoder.state_dict(), model.network.text_encoder.state_dict())
    ours, theirs = (m.network.universal.layers[1] for m in (model, source))
    assert_equal(theirs.feed_forward.state_dict(), ours.feed_forward.state_dict())
    assert not torch.equal(theirs.cross_attention.query.weight, ours.cross_attention.query.weight)
    loaded = model.state_dict()
    model.init_weights()  # a second call neither resets nor loads
    assert_equal(loaded, model.state_dict())


def test_the_runner_initialises(tmp_path: Path) -> None:
    source, clip, _ = saved(tmp_path)
    runner = Runner(build(dict(type=ClipWeights, source=str(clip))), str(tmp_path), log_level='WARNING', default_scope=None)
    runner._init_model_weights()  # what Runner.train does first
    assert_equal(source.network.vision_encoder.state_dict(), runner.model.network.vision_encoder.state_dict())


def test_a_format_of_a_plug_in_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    class OurClip(ClipFormat):
        """CLIP under a prefix."""

        name = 'our-clip'

        @classmethod
        def clean(cls, state: dict[str, Tensor]) -> dict[str, Tensor]:
            return {key.removeprefix('ours.'): value for key, value in state.items() if key.startswith('ours.')}

    monkeypatch.setitem(WEIGHT_FORMATS.module_dict, 'OurClip', OurClip)
    source, model = build(seed=1), build()
    state = {f'ours.{key}': value for key, value in ClipFormat().from_mplug2(source.network.state_dict()).items()}
    ForeignWeights(state, parts=['vision_encoder'])(model)
    assert_equal(source.network.vision_encoder.state_dict(), model.network.vision_encoder.state_dict())
    assert_equal(model.state_dict() | convert(state, 'a file')[0], model.state_dict())


class Detector(BaseModule):
    """A module of another library around ours."""

    def __init__(self, init_cfg: dict) -> None:
        super().__init__(init_cfg)
        self.model = build(task=dict(type=Captioning, condition='vision'))


def test_a_model_inside_another_keeps_what_was_loaded(tmp_path: Path) -> None:
    source, _, _ = saved(tmp_path)
    write_state({f'backbone.{key}': value for key, value in source.state_dict().items()}, tmp_path / 'ours.safetensors')
    weights = dict(type=WEIGHT_INITIALIZERS.get('MPlug2Weights'), source=str(tmp_path / 'ours.safetensors'), prefix='backbone.')
    detector = Detector(weights)
    detector.init_weights()
    assert_equal(detector.model.network.state_dict(), source.network.state_dict())


def test_our_own_files_are_strict_and_leave_out_what_has_no_place(tmp_path: Path) -> None:
    source, _, _ = saved(tmp_path)
    state = source.state_dict()
    captioner = build(task=dict(type=Captioning, condition='vision'))
    report = MPlug2Weights(state)(captioner)
    assert {key.split('.')[1] for key in report.left_out} == {'text_encoder', 'fusion'}
    lacking = {key: value for key, value in state.items() if not key.startswith('network.decoder.head')}
    with pytest.raises(CheckpointError, match=r'5 missing from the file, such as network\.decoder\.head'):
        MPlug2Weights(lacking)(build())
    report = MPlug2Weights(lacking, new=['network.decoder.head.*'])(build())
    assert len(report.new) == 5
    with pytest.raises(CheckpointError, match=r'no keys under network\.; it has decoder, '):
        MPlug2Weights(source.network.state_dict())(build())


def test_converted_parts_fill_those_parts_alone(tmp_path: Path) -> None:
    source, clip, _ = saved(tmp_path)
    ours, _ = convert(read_state(clip), 'clip')
    model, before = build(), build().network.decoder.state_dict()
    report = MPlug2Weights(ours, parts=['vision_encoder'])(model)
    assert not report.new
    assert_equal(source.network.vision_encoder.state_dict(), model.network.vision_encoder.state_dict())
    assert_equal(before, model.network.decoder.state_dict())
    with pytest.raises(CheckpointError, match=r'missing from the file, such as network\.text_encoder'):
        MPlug2Weights(ours)(build())


def test_parameters_may_be_renamed() -> None:
    state = {key.replace('network.fusion.', 'network.old.'): value for key, value in build(seed=1).state_dict().items()}
    model = build()
    MPlug2Weights(state, rename={'network.old.': 'network.fusion.'})(model)
    assert_equal(model.state_dict(), build(seed=1).state_dict())


def test_misshaped_weights_fail_unless_they_start_anew(tmp_path: Path) -> None:
    _, clip, _ = saved(tmp_path)
    state = dict(BertFormat().from_mplug2(build(seed=1).network.state_dict()))
    state['embeddings.word_embeddings.weight'] = torch.zeros(60, 32)
    before = build().state_dict()
    model = build()
    parts = ('text_encoder', 'universal')
    with pytest.raises(CheckpointError, match=r'word\.weight \(\(60, 32\) in the file, \(50, 32\) in the model\)'):
        BertWeights(state, parts=parts)(model)
    assert_equal(before, model.state_dict())
    report = BertWeights(state, parts=parts, new=['text_encoder.embedding.word.*'])(model)
    assert 'text_encoder.embedding.word.weight' in report.new
    with pytest.raises(ValueError, match='fills vision_encoder; parts names decoder'):
        ClipWeights(clip, parts=['decoder'])


def test_positions_of_another_grid_are_resampled_and_the_table_says_so(tmp_path: Path) -> None:
    source, clip, _ = saved(tmp_path)
    model = build(image_size=48)
    report = ClipWeights(clip)(model)
    table, original = (m.network.vision_encoder.position_embedding for m in (model, source))
    assert table.shape == (37, 32)
    assert_close(table[0], original[0])
    assert_close(table[1:].mean(0), original[1:].mean(0), rtol=0.3, atol=0.02)
    lines = str(report).splitlines()
    assert lines[0] == f'weights from {clip}'
    assert any(line.split()[:1] == ['resized'] and line.split()[-1] == f'{37 * 32:,}' for line in lines)
    blocks = next(line for line in lines if 'vision_encoder.blocks.*' in line)
    assert blocks.split() == ['renamed', 'visual.transformer.resblocks.*', 'vision_encoder.blocks.*', '24', '17,088']


def test_weights_of_pre_norm_blocks_are_refused_by_a_post_norm_encoder(tmp_path: Path) -> None:
    source, clip, _ = saved(tmp_path)
    with pytest.raises(CheckpointError, match=r'clip.safetensors holds pre-norm blocks.*new=\["vision_encoder.blocks.\*"\]'):
        ClipWeights(clip)(build(norm='post'))
    model = build(norm='post', seed=2)
    ClipWeights(clip, new=['vision_encoder.blocks.*'])(model)
    assert_close(model.network.vision_encoder.position_embedding, source.network.vision_encoder.position_embedding)
    block, clips = (one.network.vision_encoder.blocks[0].layer.feed_forward.up.weight for one in (model, source))
    assert not torch.equal(block, clips)
