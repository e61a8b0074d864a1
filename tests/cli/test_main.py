"""The command line's frame: help without heavy imports, and errors as one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mplug2.cli import COMMANDS, main, sentence
from mplug2.datasets import BadSampleError


def test_help_lists_every_command_without_importing_torch() -> None:
    code = """
import sys
from mplug2.cli import main
try:
    main(['--help'])
finally:
    print('torch' in sys.modules)
"""
    printed = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
    assert set(COMMANDS) <= set(printed.split())
    assert printed.endswith('False\n')


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, '--help'])
    assert left.value.code == 0
    assert f'usage: mplug2 {command}' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('error', 'said'),
    [
        (KeyError('no such key'), 'no such key'),
        (ValueError('two\nlines'), 'two lines'),
        (AssertionError(), 'AssertionError'),
        (
            BadSampleError(
                'Caught BadSampleError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n'
                '  File "x.py", line 1, in f\nmplug2.datasets.errors.BadSampleError: sample 3: a.mp4 is empty\n'
            ),
            'sample 3: a.mp4 is empty',
        ),
    ],
)
def test_an_error_is_one_sentence(error: Exception, said: str) -> None:
    assert sentence(error) == said
