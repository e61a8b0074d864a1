"""The measurement of shards, with a few of them."""

from __future__ import annotations

import pytest

from mplug2.cli import main


@pytest.mark.slow
def test_shards_are_measured_against_decoding_alone(capsys: pytest.CaptureFixture) -> None:
    assert main(['bench', 'loader', '--shards', '--images', '8', '--clips', '2', '--workers', '1']) == 0
    printed = capsys.readouterr().out
    for part in ['commit', '8 JPEGs of', '2 MP4s of', 'by decord', 'by pyav', 'decoding alone', 'loader, 1 worker', '100%']:
        assert part in printed


def test_without_a_config_or_shards_nothing_is_measured(capsys: pytest.CaptureFixture) -> None:
    assert main(['bench', 'loader']) == 1
    assert capsys.readouterr().err.splitlines()[-1] == 'mplug2 bench: bench loader needs a config, or --shards'
