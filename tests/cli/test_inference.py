"""The commands over `Inferencer`: JSON lines, CSV, exit status, and help without torch."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mplug2.apis import Result
from mplug2.apis.results import run_lengths
from mplug2.cli import COMMANDS, main, serve
from mplug2.cli.completion import SHELLS
from mplug2.cli.inference import COLUMNS
from mplug2.cli.summarize import lines_of
from mplug2.version import __version__


@pytest.fixture(scope='module')
def clips(mini_home: Path) -> list[str]:
    return sorted(map(str, (mini_home / 'data/mini/msrvtt/videos').glob('*.mp4')))[:2]


def test_captions_are_printed_as_json_lines_and_a_bad_file_sets_the_status(
    clips: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    bad = tmp_path / 'bad.mp4'
    bad.touch()
    assert main(['caption', clips[0], str(bad), clips[1], '--num-beams', '1', '--device', 'cpu']) == 1
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert [line['source'] for line in lines] == [clips[0], str(bad), clips[1]]
    assert lines[0]['text']
    assert '0 bytes' in lines[1]['error']
    assert '0 bytes' in printed.err


@pytest.mark.slow
def test_answers_matches_and_classes_are_written_whole(clips: list[str], tmp_path: Path) -> None:
    folder, out = str(Path(clips[0]).parent), tmp_path / 'new' / 'answers.jsonl'
    question = ['--question', 'which digit is it ?', '--choices', 'one', 'two']
    assert main(['answer', *clips, *question, '--out', str(out)]) == 0
    assert [json.loads(line)['text'] in ('one', 'two') for line in out.read_text().splitlines()] == [True, True]
    assert main(['match', *clips, '--text', 'a red seven', '--out', str(tmp_path / 'match.csv')]) == 0
    with open(tmp_path / 'match.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['source'] for row in rows] == clips
    assert 0 <= float(rows[0]['score']) <= 1
    classes = ['--class-names', 'one', 'two', '--batch-size', '4']
    assert main(['classify', folder, *classes, '--out', str(tmp_path / 'classes.csv')]) == 0
    with open(tmp_path / 'classes.csv', newline='') as file:
        assert {row['text'] for row in csv.DictReader(file)} <= {'one', 'two'}
    assert main(['embed', clips[0], '--end', '0.4', '--out', str(tmp_path / 'embedded.jsonl')]) == 0
    assert len(json.loads((tmp_path / 'embedded.jsonl').read_text())['embedding']) == 128
    assert sorted(path.name for path in tmp_path.iterdir()) == ['classes.csv', 'embedded.jsonl', 'match.csv', 'new']


def test_what_cannot_be_done_is_one_sentence(clips: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(['ground', clips[0], '--phrase', 'the red one', '--model', 'mplug2_tiny']) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith('mplug2 ground: the model cannot ground')
    assert main(['detect', clips[0], '--model', 'mplug2_tiny']) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith('mplug2 detect: the model cannot detect')
    assert main(['caption', clips[0], '--out', str(tmp_path / 'a.txt')]) == 1
    assert '--out ends in .jsonl or .csv, not' in capsys.readouterr().err


@pytest.mark.parametrize('dtype', ['auto', 'float32', 'bfloat16', 'int8'])
def test_the_page_takes_the_precisions_of_an_inferencer(dtype: str) -> None:
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    assert parser.parse_args(['--dtype', dtype]).dtype == dtype


def test_every_field_of_a_result_has_a_column() -> None:
    assert set(COLUMNS) == {entry.name for entry in dataclasses.fields(Result)} - {'attention'}


def test_results_are_drawn(clips: list[str], tmp_path: Path) -> None:
    assert main(['caption', *clips, '--show', str(tmp_path / 'drawn')]) == 0
    names = [f'{number:06d}_{Path(clip).stem}.png' for number, clip in enumerate(clips)]
    assert sorted(path.name for path in (tmp_path / 'drawn').iterdir()) == names
    with Image.open(tmp_path / 'drawn' / names[0]) as drawing:
        assert drawing.height > 320  # words are below the frames


def test_masks_are_run_lengths() -> None:
    mask = np.zeros((3, 4), bool)
    mask[1:, 1] = mask[0, 2] = mask[2, 3] = True
    counts = [4, 3, 4, 1]
    assert run_lengths(mask) == dict(size=[3, 4], counts=counts)
    assert run_lengths(np.ones((2, 2), bool))['counts'] == [0, 4]
    assert run_lengths(np.zeros((2, 2), bool))['counts'] == [4]
    assert Result('a', masks=[mask]).to_dict()['masks'] == [dict(size=[3, 4], counts=counts)]


@pytest.mark.parametrize('shell', SHELLS)
def test_a_shell_completes_commands_and_options(shell: str, capsys: pytest.CaptureFixture) -> None:
    assert main(['completion', shell]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in (*COMMANDS, 'num-beams', 'check'))
    if shell == 'bash':
        script = f'{printed}\nCOMP_WORDS=(mplug2 data check --w); COMP_CWORD=3; _mplug2; echo "${{COMPREPLY[@]}}"'
        completed = subprocess.run(['bash', '-c', script], capture_output=True, text=True, check=True).stdout
        assert completed.split() == ['--workers']


def test_texts_are_lines(tmp_path: Path) -> None:
    (tmp_path / 'a.txt').write_text('one\n\n two \n', encoding='utf-8-sig')
    assert list(lines_of([str(tmp_path / 'a.txt')])) == ['one', 'two']


def test_help_and_version_need_no_torch() -> None:
    code = "import sys; from mplug2.cli import main\ntry: main(sys.argv[1:])\nfinally: print('torch' in sys.modules)"
    for words in (['caption', '--help'], ['--version']):
        printed = subprocess.run([sys.executable, '-c', code, *words], capture_output=True, text=True, check=True).stdout
        assert printed.endswith('False\n')
    assert printed.startswith(f'mplug2 {__version__}')
