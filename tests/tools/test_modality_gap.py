"""The command of Figure 4: checkpoints of several seeds, their gaps, the image, and the rows it trains on mini."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from mplug2.config.load import load_config
from mplug2.testing.shrink import shrink
from mplug2.visualization import modality_gap

NAME = 'experiments/modality_gap'
CONFIG = 'mini/video_text_retrieval'


@pytest.fixture
def module(script, monkeypatch: pytest.MonkeyPatch, mini_home: Path, tmp_path: Path) -> ModuleType:
    """The script, with configs at a tiny size."""
    monkeypatch.chdir(mini_home)
    module = script(NAME)
    monkeypatch.setattr(module, 'load_config', lambda *args: shrink(load_config(*args), 'data/mini', tmp_path))
    return module


@pytest.fixture
def checkpoints(module: ModuleType, tmp_path: Path) -> list[str]:
    """Two models with weights of their own."""
    paths = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = module.build_embedder(module.load_config(CONFIG), None)
        paths.append(str(tmp_path / f'seed_{seed}.pth'))
        torch.save(dict(state_dict=model.state_dict()), paths[-1])
    return paths


def test_gaps_of_two_seeds(
    module: ModuleType,
    checkpoints: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
) -> None:
    image = tmp_path / 'gap.png'
    monkeypatch.setattr('sys.argv', ['x', str(image), '--variant', 'ours', CONFIG, *checkpoints])
    module.main()
    assert image.read_bytes().startswith(b'\x89PNG')
    gaps = json.loads(image.with_suffix('.json').read_text())['ours']
    assert len(gaps) == 2
    assert gaps[0] != gaps[1]
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.startswith('| ours | ')
    assert '±' in row
    assert row.endswith('| 2 |')

    # By the task itself, a pair at a time.
    cfg = module.load_config(CONFIG)
    model = module.build_embedder(cfg, Path(checkpoints[0]))
    cfg.test_dataloader.batch_size = 1
    sides = module.embed_pairs(cfg, model)
    assert modality_gap(*sides['embedding']) == pytest.approx(
        {key: value for key, value in gaps[0].items() if '/' not in key}, rel=1e-4
    )
    assert sides['class_token'][0].shape == (len(sides['embedding'][0]), model.network.width_of('vision'))


def test_a_model_that_embeds_nothing_is_refused(module: ModuleType) -> None:
    with pytest.raises(ValueError, match='none of the tasks captioning embeds'):
        module.build_embedder(module.load_config('mini/video_captioning'), None)


def test_variants_of_the_mini_benchmark_are_rows(module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran = []

    def run(row, seed, out):
        ran.append((row.name, seed))
        return dict(seed=seed, folder=str(out / f'{row.name}_{seed}'))

    monkeypatch.setattr(module.mini_results, 'run', run)
    variants, places = module.mini_variants(tmp_path)
    assert len(variants) == 3
    assert len(ran) == 9
    assert [cfg.model.network.universal.get('shared', True) for cfg, _ in variants.values()] == [True, False, True]
    assert places[1][2] == tmp_path / 'video_text_retrieval_unshared/seed_2'
    with pytest.raises(FileNotFoundError, match='has training run there'):
        module.find_checkpoint(str(tmp_path))
