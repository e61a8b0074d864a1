"""The config loader: imports, overrides, near names, dumps; and where a value comes from."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from mmengine.runner import Runner

from mplug2.cli import main
from mplug2.config.explain import explain
from mplug2.config.load import config_folder, default_work_dir, find_config, load_config, own_work_dir
from mplug2.config.overrides import TOP_LEVEL, arguments, known_to_runs
from mplug2.config.unread import unread_settings
from mplug2.engine import OptimWrapper
from mplug2.modules import UniversalLayers
from mplug2.registry import MODELS
from tests.runs import ROOT, TINY

SHIPPED = sorted(
    str(file.relative_to(config_folder()).with_suffix(''))
    for file in config_folder().rglob('*.py')
    if not str(file.relative_to(config_folder())).startswith('_base_')
)


@pytest.mark.parametrize('name', SHIPPED)
def test_every_shipped_config_loads_dumps_and_reloads(name: str, tmp_path: Path) -> None:
    cfg = load_config(name)
    assert cfg.default_scope is None
    assert unread_settings(find_config(name), cfg._cfg_dict) == []
    cfg.dump(tmp_path / 'dumped.py')
    again = load_config(tmp_path / 'dumped.py')
    assert again.pretty_text == cfg.pretty_text
    assert again.to_dict()['model'].keys() == cfg.to_dict()['model'].keys()


@pytest.mark.parametrize('name', ['mini/video_captioning', 'mini/video_captioning.py', 'configs/mini/video_captioning.py'])
def test_shipped_configs_are_found_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert find_config(name).resolve() == (config_folder() / 'mini' / 'video_captioning.py').resolve()


def test_near_names_of_configs() -> None:
    with pytest.raises(FileNotFoundError, match=r'did you mean .*mini/video_captioning'):
        find_config('configs/mini/video_caption.py')
    with pytest.raises(FileNotFoundError, match=r'no config file zzzzzz, and none of that name under \S+$'):
        find_config('zzzzzz')


def test_overrides_reach_dicts_and_lists() -> None:
    options = {
        'optim_wrapper.optimizer.lr': 5e-4,
        'val_evaluator.0.meteor': True,
        'model.network.universal.type': 'UniversalLayers',
        'model.network.vision_encoder.temporal': None,
    }
    cfg = load_config('mini/video_captioning', options)
    assert cfg.optim_wrapper.optimizer.lr == 5e-4
    assert cfg.val_evaluator[0].meteor is True
    assert cfg.optim_wrapper.type is OptimWrapper
    assert cfg.model.network.vision_encoder.temporal is None
    assert isinstance(MODELS.build(cfg.model.network.universal), UniversalLayers)


@pytest.mark.parametrize('option', ['val_evaluator.9.meteor', 'train_cfg.max_iters.deep', 'val_evaluator.first.meteor'])
def test_overrides_that_lead_nowhere(option: str) -> None:
    with pytest.raises(KeyError, match=r'video_captioning\.py: cannot apply the options'):
        load_config('mini/video_captioning', {option: 1})


def test_a_mistyped_override_is_refused() -> None:
    for option, near in {
        'optim_wrapper.optimizer.lrr': 'did you mean lr',
        'train_cfg.max_iter': 'did you mean max_iters',
        'modle.network': 'did you mean model',
        'val_evaluator.0.metor': 'did you mean meteor',
        'model.tasks.captioning.generation.num_beam': 'did you mean num_beams',
        'train_dataloader.batchsize': 'did you mean batch_size',
        'model.network.universal.num_querys': 'did you mean num_queries',
    }.items():
        with pytest.raises(KeyError) as caught:
            load_config('mini/video_captioning', {option: 1})
        assert near in str(caught.value)
        assert f'+{option}=' in str(caught.value)


def test_keys_of_a_run_are_those_of_the_runner() -> None:
    assert known_to_runs() == arguments(Runner) | set(TOP_LEVEL)


def test_overrides_may_set_what_the_config_leaves_out() -> None:
    options = {
        'experiment_name': 'x',
        'parallel': 'shard',
        'train_cfg.val_begin': 3,
        'model.blocks.recompute': ['decoder'],
        'train_dataloader.drop_last': True,
        'optim_wrapper.optimizer.eps': 1e-6,
        'optim_wrapper.accumulative_counts': 2,
        'val_evaluator.0.out_file': 'x.json',
        'randomness.deterministic': True,
        'test_dataloader.dataset.indices': 5,
        'optim_wrapper.optimizer.type': 'SGD',
        'optim_wrapper.optimizer.momentum': 0.9,
        '+model.tasks.captioning.generation.length_penalty': 1.0,
    }
    cfg = load_config('mini/video_captioning', options)
    assert cfg.model.blocks.recompute == ['decoder']
    assert cfg.model.tasks.captioning.generation.length_penalty == 1.0
    assert cfg.val_evaluator[0].out_file == 'x.json'


def test_custom_imports_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'gadgets_of_a_test.py').write_text(
        'from torch import nn\nfrom mplug2.registry import MODELS\n\n\n'
        '@MODELS.register_module()\nclass GadgetOfATest(nn.Module):\n    pass\n'
    )
    config = tmp_path / 'config.py'
    config.write_text(
        "custom_imports = dict(imports=['gadgets_of_a_test'])\ngadget = dict(type='GadgetOfATest')\n"
        'from mmengine.config import read_base\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        built = MODELS.build(load_config(config).gadget)
        assert type(built).__name__ == 'GadgetOfATest'
    finally:
        MODELS.module_dict.pop('GadgetOfATest', None)
        sys.modules.pop('gadgets_of_a_test', None)
    with pytest.raises(ImportError, match=r"config\.py: custom_imports names 'not_there', which does not import: No module"):
        load_config(config, {'custom_imports.imports': 'not_there'})


@pytest.mark.parametrize(
    ('key', 'file', 'line'),
    [
        ('optim_wrapper.clip_grad.max_norm', '_base_/schedules/mini.py', 'clip_grad=dict(max_norm=1.0),'),
        ('model.network.universal.num_queries', '_base_/models/mplug2_tiny.py', 'universal=dict(type=UniversalLayers'),
        ('train_cfg.max_iters', 'mini/video_captioning_demo.py', 'train_cfg.update('),
        (
            'model.tasks.captioning.generation.num_beams',
            'mini/video_captioning_demo.py',
            "model['tasks']['captioning']['generation'].update(num_beams=1)",
        ),
        ('model.tasks.captioning.generation.max_length', 'mini/video_captioning.py', 'captioning=dict(type=Captioning'),
        ('default_hooks.logger.interval', '_base_/default_runtime.py', 'default_hooks = dict('),
        ('val_dataloader.batch_size', 'mini/video_captioning.py', 'batch_size=50,'),
    ],
)
def test_explain_names_value_file_and_line(key: str, file: str, line: str) -> None:
    found, path, number = explain('mini/video_captioning_demo', key)
    value = load_config('mini/video_captioning_demo')
    for part in key.split('.'):
        value = value[part]
    assert (found, path.resolve()) == (value, (config_folder() / file).resolve())
    assert path.read_text().splitlines()[number - 1].strip().startswith(line)


def test_configs_of_other_projects_build_on_ours(tmp_path: Path) -> None:
    config = tmp_path / 'config.py'
    config.write_text(
        'from mmengine.config import read_base\n\nwith read_base():\n    from mplug2.configs.mini.video_captioning import *\n\n'
        'train_cfg.update(max_iters=7)\n'
    )
    assert load_config(config).train_cfg == dict(load_config('mini/video_captioning').train_cfg, max_iters=7)
    found, path, _ = explain(config, 'model.network.universal.num_queries')
    assert (found, path.name) == (load_config(config).model.network.universal.num_queries, 'mplug2_tiny.py')
    config.write_text(config.read_text().replace('mplug2.configs', 'no_such_package.configs'))
    with pytest.raises(ImportError, match="no package 'no_such_package' is installed"):
        load_config(config)


def test_explain_lists_what_is_there_instead() -> None:
    with pytest.raises(KeyError, match=r"no key 'train_cfg\.max_iter'; train_cfg has \['max_iters', 'type', 'val_interval'\]"):
        explain('mini/video_captioning', 'train_cfg.max_iter')
    with pytest.raises(KeyError, match="no key 'optim'; the config has "):
        explain('mini/video_captioning', 'optim')


def test_the_explain_command(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(['explain', TINY, 'train_cfg.val_interval']) == 0
    value, place = capsys.readouterr().out.splitlines()
    assert value == 'train_cfg.val_interval = 6'
    assert place.startswith('set in tests/engine/tiny_captioning.py:')
    assert main(['explain', TINY, 'train_cfg.nothing']) == 1
    assert "train_cfg has ['max_iters', 'type', 'val_interval']" in capsys.readouterr().err


@pytest.mark.slow
def test_runs_of_two_tasks_do_not_share_a_folder(tmp_path: Path) -> None:
    assert all(default_work_dir(name) == Path('work_dirs') / name for name in SHIPPED)
    own = tmp_path / 'my_config.py'
    own.write_text('')
    assert default_work_dir(own) == Path('work_dirs/my_config')
    assert own_work_dir(load_config(own), own, smoke_test=True) == 'work_dirs/my_config_smoke'


def test_a_second_stage_starts_where_the_first_is_kept() -> None:
    found = []
    for name in SHIPPED:
        if start := re.search(r"^load_from = '(work_dirs/.*)'", find_config(name).read_text(), re.MULTILINE):
            found.append(start[1])
            assert default_work_dir(start[1].removeprefix('work_dirs/')) == Path(start[1])
    assert len(found) == 7


def test_a_variable_of_a_base_that_nothing_reads_after_its_edit_is_told(tmp_path: Path) -> None:
    head = (
        'from mmengine.config import read_base\nwith read_base():\n    from mplug2.configs.pretraining.mplug2_base import *\n'
    )
    child = tmp_path / 'child.py'
    child.write_text(head + "sources['video'].update(ratio=3)\nmine = 3\ntrain_cfg.update(max_iters=mine)\n")
    with pytest.warns(
        UserWarning, match=r'line 4: sources of a base is edited.* set train_dataloader\.dataset\.sources$'
    ) as warned:
        load_config(child)
    assert len(warned) == 1, 'variables of its own, and keys of a run, may be set'
    child.write_text(
        head + "samples = 64\nsources['video'].update(ratio=3)\ntrain_dataloader['dataset'].update(sources=sources)\n"
    )
    with pytest.warns(UserWarning, match='line 4: samples of a base') as warned:
        load_config(child)
    assert len(warned) == 1


def test_an_option_that_no_part_of_a_run_reads_is_told() -> None:
    with pytest.warns(
        UserWarning, match=r'option sources sets what no part of a run reads: set train_dataloader\.dataset\.sources$'
    ):
        load_config('pretraining/mplug2_base', {'sources.video.ratio': 3.0, 'train_cfg.max_iters': 3})


def test_a_task_that_no_source_trains_is_told() -> None:
    silent = {'train_dataloader.dataset.sources.text.ratio': 0}
    with pytest.warns(UserWarning, match='no source of train_dataloader trains completion of model.tasks'):
        load_config('pretraining/mplug2_base', silent)


def test_own_photographs_are_turned_as_their_exif_says() -> None:
    for task in ('image_captioning', 'image_classification', 'image_qa', 'image_text_retrieval'):
        cfg = load_config(f'own/{task}')
        for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
            assert loader.dataset.pipeline[0].get('orient', True), task
