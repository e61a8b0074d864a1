"""The example plug-in is installed as a package, found by its entry point or by custom_imports, trained and tested."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from tests.runs import ROOT, finished, install, mplug2, weights

pytestmark = pytest.mark.slow

PROJECT = ROOT / 'projects' / 'example_project'
CONFIG = PROJECT / 'configs' / 'direction_mini.py'
SMALL = [
    'train_dataloader.batch_size=4',
    'train_cfg.max_iters=2',
    'param_scheduler=None',
    'optim_wrapper.dtype=None',
    'default_hooks.logger.interval=1',
]
SMALL += [f'{name}_dataloader.num_workers=0' for name in ('train', 'val', 'test')]


@pytest.fixture(scope='module')
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project built by pip and installed into a folder of its own."""
    return install(PROJECT, 'mplug2_example/*.py', tmp_path_factory.mktemp('installed'))


@pytest.fixture
def launcher(installed: Path, tmp_path: Path) -> Path:
    """A script that makes the folder a site directory, as an environment's own is, then runs one of our scripts."""
    script = tmp_path / 'with_site.py'
    script.write_text(
        f'import runpy, site, sys\nsite.addsitedir({str(installed)!r})\nsys.argv.pop(0)\n'
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    return script


def test_the_installed_plug_in_trains_and_tests(mini_home: Path, launcher: Path, tmp_path: Path) -> None:
    """No PYTHONPATH, no custom_imports: only the entry point leads there."""
    work = tmp_path / 'work'
    train = [ROOT / 'tools' / 'train.py', CONFIG, '--work-dir', work, '--cfg-options', *SMALL]
    printed = finished(mini_home, launcher, *train)
    assert 'loss_direction: ' in printed
    trained = weights(work / 'iter_2.pth')
    mixed = [value for key, value in trained.items() if '.mix.weight' in key]
    assert mixed
    assert all(value.abs().sum() > 0 for value in mixed)  # the module starts at zero and has learned
    assert not [key for key in trained if key.startswith(('network.text_encoder', 'network.decoder'))]
    out = tmp_path / 'metrics.json'
    test = [ROOT / 'tools' / 'test.py', CONFIG, work, '--work-dir', tmp_path / 'test', '--out', out]
    finished(mini_home, launcher, *test, '--cfg-options', 'test_dataloader.num_workers=0')
    assert 0 <= json.loads(out.read_text())['direction_accuracy'] <= 100


def test_without_it_the_name_is_unknown(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert mplug2(mini_home, 'train', CONFIG, '--work-dir', tmp_path, '--cfg-options', *SMALL) == 1
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "'TemporalShift' is not registered as a model" in message
    assert "entry point in the group 'mplug2.plugins'" in message


def test_custom_imports_lead_there_too(mini_home: Path, installed: Path, tmp_path: Path) -> None:
    """A module that is importable but not installed, as while one is written: run from its folder, in a process of its own."""
    config = tmp_path / 'direction.py'
    config.write_text(CONFIG.read_text() + "custom_imports = dict(imports=['mplug2_example'])\n")
    runner = tmp_path / 'run.py'
    runner.write_text(
        f'import sys\nsys.path.insert(0, {str(PROJECT)!r})\nfrom mplug2.cli import main\nsys.exit(main(sys.argv[1:]))\n'
    )
    options = [*SMALL, 'train_cfg.max_iters=1', 'train_cfg.val_begin=9', 'default_hooks.checkpoint.save_best=None']
    finished(mini_home, runner, 'train', config, '--work-dir', tmp_path / 'work', '--cfg-options', *options)
    assert (tmp_path / 'work' / 'iter_1.pth').exists()


def test_each_addition_is_short() -> None:
    for file in PROJECT.glob('mplug2_example/*.py'):
        assert len(file.read_text().splitlines()) < 100


def test_the_shift_moves_channels_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PROJECT))
    from mplug2.registry import METRICS, MODELS, TASKS

    try:
        from mplug2_example import TemporalShift

        module = TemporalShift(8, share=0.5)
        torch.nn.init.eye_(module.mix.weight)
        torch.nn.init.zeros_(module.mix.bias)
        x = torch.arange(3.0).view(1, 3, 1, 1).expand(1, 3, 2, 8)
        moved = module(x)[0, :, 0]
        assert moved[:, 0].tolist() == [1, 2, 0]  # one frame ahead is seen
        assert moved[:, 2].tolist() == [0, 0, 1]  # one frame back
        assert moved[:, 4].tolist() == [0, 1, 2]
    finally:  # other tests must not find the example
        for registry, names in ((MODELS, ['TemporalShift']), (TASKS, ['TimeDirection']), (METRICS, ['DirectionAccuracy'])):
            for name in names:
                registry.module_dict.pop(name, None)
        for name in [name for name in sys.modules if name.startswith('mplug2_example')]:
            del sys.modules[name]
