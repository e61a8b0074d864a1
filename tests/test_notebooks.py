"""The notebooks run from their first cell to their last, in small."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.runs import ROOT, mplug2

NOTEBOOKS = sorted((ROOT / 'notebooks').glob('*.ipynb'))
SMALL = dict(SCALE='0.01', STEPS='2')  # the mini benchmark of the other tests, and training that only runs


class Kernel:
    """Cells run in one namespace and one folder; `!mplug2 ...` runs in this process, and %pip does nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict = dict(command=self.command)

    def command(self, line: str) -> None:
        program, *words = shlex.split(line.removeprefix('PYTHONPATH=. ').format(**self.names))
        assert program == 'mplug2'
        assert mplug2(self.folder, *words) == 0, line

    def run(self, code: str) -> None:
        for name, value in SMALL.items():
            code = re.sub(rf'^{name} = [\d.]+', f'{name} = {value}', code, flags=re.MULTILINE)
        code = re.sub(r'^( *)%pip .*', r'\1pass', code, flags=re.MULTILINE)
        exec(re.sub(r'^!(.*)', lambda match: f'command({match[1]!r})', code, flags=re.MULTILINE), self.names)


@pytest.mark.slow
@pytest.mark.parametrize('notebook', NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data/mini').symlink_to(mini_home / 'data/mini')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    cells = json.loads(notebook.read_text())['cells']
    kernel = Kernel(tmp_path)
    for cell in cells:
        if cell['cell_type'] == 'code':
            assert cell['outputs'] == []
            kernel.run(''.join(cell['source']))
    if 'attention' in kernel.names:
        assert kernel.names['result'].text
        assert kernel.names['attention'].maps.max() > 0
        assert len(kernel.names['hits']) == 3
    elif 'after' in kernel.names:
        assert len(kernel.names['after']) == len(kernel.names['held_out']) == 4
        assert (tmp_path / 'my_model/model.safetensors').is_file()
    else:
        assert 'CIDEr-D' in kernel.names['scores']['with_shift']
