"""A short day: damage is met, counted, and trained over."""

from __future__ import annotations

import pytest


@pytest.mark.slow
def test_all_that_is_bad_is_counted(script, tmp_path, capsys):
    module = script('experiments/day_in_the_life')
    day = module.live(tmp_path, steps=40, samples=80, batch=4, interval=10, workers=1)
    # One in a hundred corrupt, an empty caption, and the last sample of each of two shards that are cut off.
    assert day.bad in (3, 4)
    assert day.counted == day.bad
    assert [step for step, *_ in day.rows] == [10, 20, 30, 40]
    assert all(process > 1e8 and workers > 1e7 for _, process, workers, _ in day.rows)
    assert '40 steps' in capsys.readouterr().out


def test_growth_is_that_after_the_first_fifth(script):
    module = script('experiments/day_in_the_life')
    rows = [(step, size, 0, 0) for step, size in enumerate([10, 100, 101, 104, 102, 103, 103, 103, 103, 103])]
    assert round(module.Day(rows, 0).growth, 4) == round(104 / 101 - 1, 4)
    assert round(module.Day(rows[1:6], 0).growth, 4) == round(104 / 101 - 1, 4)
