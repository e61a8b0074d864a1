"""``--show-dir``: whatever a task predicts can be looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs import mplug2

pytestmark = pytest.mark.slow

# The file; of a page, what it says of some sample, and how many samples it shows: all of the test, but no more than 16.
CASES = {
    'mini/text_classification': ('predictions.md', ('- **predicted: entailment**', '- **predicted: not_entailment**'), 8),
    'mini/text_qa': ('predictions.md', ('- context: ',), 16),
    'mini/summarization': ('predictions.md', ('- document: ',), 10),
    'mini/image_classification': ('predictions.png', None, None),
    'mini/image_text_retrieval': ('retrieved.png', None, None),
}


@pytest.mark.parametrize('config', CASES)
def test_predictions_of_every_kind_are_shown(config: str, mini_home: Path, tmp_path: Path) -> None:
    name, words, samples = CASES[config]
    brief = ['train_cfg.max_iters=1', 'train_cfg.val_begin=9', 'default_hooks.checkpoint.save_best=None', 'load_from=None']
    loaders = [f'{part}_dataloader.{key}' for part in ('train', 'test') for key in ('num_workers=0', 'batch_size=4')]
    assert mplug2(mini_home, 'train', config, '--work-dir', tmp_path / 'work', '--cfg-options', *brief, *loaders) == 0
    shown = ['--work-dir', tmp_path / 'test', '--show-dir', tmp_path / 'shown']
    assert mplug2(mini_home, 'test', config, tmp_path / 'work', *shown, '--cfg-options', *loaders) == 0
    (file,) = (tmp_path / 'shown').iterdir()
    assert file.name == name
    if words is None:
        assert file.stat().st_size > 10_000
    else:
        page = file.read_text()
        assert any(word in page for word in words)
        assert page.count('\n## ') == samples
