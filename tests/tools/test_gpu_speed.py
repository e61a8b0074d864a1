"""The GPU script runs; on the CPU its numbers mean nothing, but its FLOPs do."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / 'tools' / 'analysis_tools' / 'gpu_speed.py'


def test_the_script_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    words = '--size tiny --device cpu --frames 2 --batch 2 --repeat 1 --backend eager --tokens 4 --peak 0.1'
    monkeypatch.setattr('sys.argv', [str(SCRIPT), *words.split()])
    runpy.run_path(str(SCRIPT), run_name='__main__')
    report = capsys.readouterr().out
    for word in ('eager', 'compiled', 'MFU', 'x eager', 'tokens/s', 'gpu_speed.py --size tiny'):
        assert word in report


def test_flops_are_those_of_the_matrix_products() -> None:
    """Twice the backward pass on top of the forward; the forward counted by hand for the vision encoder's linears."""
    functions = runpy.run_path(str(SCRIPT))
    network = functions['network_of']('tiny', *functions['PARTS'])
    clips = functions['clips_of'](network.vision_encoder, 2, 3)
    total = functions['Step'](network, clips, tokens=4).flops()
    layer = network.vision_encoder.blocks[0].layer
    width, hidden, blocks = network.width, layer.feed_forward.up.out_features, len(network.vision_encoder.blocks)
    tokens = 2 * 3 * 17
    linears = 2 * tokens * (4 * width * width + 2 * width * hidden) * blocks
    assert 3 * linears < total < 3 * 6 * linears  # the rest: temporal modules, attention, universal layers, decoder
