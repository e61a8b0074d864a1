"""Registries: what they find, when they import, and what they say when they do not find."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import mmengine.registry as roots
import pytest
from torch import nn

from mplug2 import registry
from mplug2.modules import UniversalLayers
from mplug2.registry import DATASETS, HOOKS, METRICS, MODELS, OPTIMIZERS, REGISTRIES, TASKS, NotRegistered, resolve


def test_importing_the_package_is_light() -> None:
    heavy = ('torch', 'mmengine', 'numpy', 'cv2', 'transformers', 'matplotlib')
    code = f'import sys, mplug2; print([name for name in {heavy} if name in sys.modules])'
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout == '[]\n'


def test_registries_import_their_folders_at_the_first_look_up() -> None:
    code = """
import sys
import mplug2.registry as registry
before = [name for name in sys.modules if name.startswith('mplug2.')]
registry.METRICS.find('CaptionMetric')
print(before, 'mplug2.evaluation' in sys.modules, 'mplug2.engine' in sys.modules)
"""
    printed = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
    assert printed == "['mplug2.version', 'mplug2.registry'] True False\n"


def test_every_registry_is_a_child_of_its_root() -> None:
    assert {child.scope for child in REGISTRIES.values()} == {'mplug2'}
    for name, child in REGISTRIES.items():
        root = dict(TASKS=MODELS, TOKENIZERS=roots.TASK_UTILS).get(name, getattr(roots, name, None))
        assert child.parent is root, name
    without_root = {name for name, child in REGISTRIES.items() if child.parent is None}
    assert without_root == {'WEIGHT_FORMATS', 'HUB_MODELS'}, 'kinds of things that MMEngine does not know'


@pytest.mark.parametrize(
    ('where', 'name', 'module'),
    [
        (MODELS, 'UniversalLayers', 'mplug2.modules.universal'),
        (MODELS, 'mplug2.UniversalLayers', 'mplug2.modules.universal'),
        (MODELS, 'mplug2.modules.UniversalLayers', 'mplug2.modules.universal'),
        (roots.MODELS, 'mplug2.UniversalLayers', 'mplug2.modules.universal'),  # in another project's config
        (roots.METRICS, 'mplug2.VQAMetric', 'mplug2.evaluation.question_answering'),
        (TASKS, 'Captioning', 'mplug2.tasks.captioning'),
        (DATASETS, 'mmengine.ConcatDataset', 'mmengine.dataset.dataset_wrapper'),
        (HOOKS, 'EMAHook', 'mmengine.hooks.ema_hook'),
        (HOOKS, 'CheckpointHook', 'mplug2.engine.hooks.checkpoint'),  # ours before MMEngine's
        (OPTIMIZERS, 'AdamW', 'torch.optim.adamw'),
    ],
)
def test_names_with_and_without_scope(where: roots.Registry, name: str, module: str) -> None:
    assert where.get(name).__module__ == module


def test_an_unknown_name_is_answered_with_help() -> None:
    with pytest.raises(NotRegistered) as caught:
        MODELS.build(dict(type='universal_layer'))
    message = str(caught.value)
    assert message.startswith("'universal_layer' is not registered as a model; ")  # a sentence, without a KeyError's quotes
    assert 'searched mplug2::model and mmengine::model' in message
    assert "did you mean 'UniversalLayers'" in message
    assert 'custom_imports' in message
    assert "'mplug2.plugins'" in message


def test_a_name_of_another_registry_is_recognised() -> None:
    METRICS.find('CaptionMetric')
    with pytest.raises(NotRegistered, match='it is registered in METRICS instead'):
        MODELS.find('CaptionMetric')


@pytest.mark.parametrize('name', ['mplug2.Nothing', 'no_such_package.Thing', 'torch.nn.Nothing', 'mmengine.Nothing'])
def test_dotted_names_that_lead_nowhere(name: str) -> None:
    with pytest.raises(NotRegistered, match=f'^{name!r} is not registered'):
        MODELS.build(dict(type=name))


def test_resolve_replaces_names_by_classes_and_leaves_the_config() -> None:
    cfg = [dict(type='UniversalLayers', num_layers=1), dict(type=nn.Linear), 7]
    resolved = resolve(cfg, MODELS)
    assert resolved == [dict(type=UniversalLayers, num_layers=1), dict(type=nn.Linear), 7]
    assert cfg[0]['type'] == 'UniversalLayers'
    with pytest.raises(NotRegistered):
        resolve(dict(type='Nothing'), MODELS)


def test_a_plug_in_that_fails_is_named_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint('broken', 'no_such_package.modules', registry.PLUGIN_GROUP)
    monkeypatch.setattr(registry, 'entry_points', lambda group: [broken] if group == registry.PLUGIN_GROUP else [])
    monkeypatch.setattr(registry, '_plugins_loaded', False)
    monkeypatch.setattr(METRICS, '_imported', False)
    for look_up in (registry.load_plugins, lambda: METRICS.find('CaptionMetric'), lambda: METRICS.find('CaptionMetric')):
        with pytest.raises(ImportError, match=r"plug-in 'broken' \(no_such_package\.modules, group mplug2\.plugins\) failed"):
            look_up()
