"""The GPU script runs; on the CPU its numbers mean nothing, but its FLOPs do."""

from __future__ import annotations

import argparse
import re
import runpy
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mplug2.config.load import load_config
from mplug2.datasets import source_collate
from mplug2.datasets.sampling.mixture import SourceSamples
from mplug2.networks import Network
from mplug2.planning.trace import trace
from mplug2.planning.workload import Work

SCRIPT = Path(__file__).parents[2] / 'experiments' / 'gpu_speed.py'


def test_the_script_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    words = '--size tiny --device cpu --frames 2 --batch-size 2 --repeat 1 --backend eager --tokens 4 --peak 0.1'
    monkeypatch.setattr('sys.argv', [str(SCRIPT), *words.split()])
    runpy.run_path(str(SCRIPT), run_name='__main__')
    report = capsys.readouterr().out
    for word in ('eager', 'compiled', 'MFU', 'x eager', 'tokens/s', 'gpu_speed.py --size tiny'):
        assert word in report


CONFIG = str(Path(__file__).parents[1] / 'engine' / 'tiny_pretraining.py')


def test_the_step_of_a_pretraining_config_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """Without its data. Compiling, which the other test does, is left out: it takes half a minute."""
    compiled: list[object] = []

    def note(network: Network, names: list[str], momentum_encoders: list[torch.nn.Module], **options: object) -> None:
        compiled.extend([*names, len(momentum_encoders), options])

    monkeypatch.setattr('mplug2.modules.compile_blocks', note)
    words = f'--pretraining {CONFIG} --device cpu --batch-size 3 --repeat 1 --backend eager --tokens 6 --peak 0.1'
    words += ' --recompute vision_encoder --static --inductor cpp_wrapper'
    monkeypatch.setattr('sys.argv', [str(SCRIPT), *words.split()])
    runpy.run_path(str(SCRIPT), run_name='__main__')
    report = capsys.readouterr().out
    for name in ('image', 'video', 'image_questions', 'video_questions', 'text', 'the mixture'):
        assert len(re.findall(rf'  {name} +x 3 +(?:eager|compiled) .* samples/s .* MFU', report)) == 2
    *modules, momentum_encoders, options = compiled
    assert modules == ['vision_encoder', 'text_encoder', 'universal', 'fusion', 'decoder']
    assert momentum_encoders == 2, "the network's and the head's"
    assert options == dict(backend='eager', dynamic=False, mode=None, options=dict(cpp_wrapper=True))


def test_some_sources_in_one_form_with_a_profile(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    words = f'--pretraining {CONFIG} --device cpu --batch-size 2 --repeat 1 --tokens 6 --forms eager --sources text --profile 5'
    monkeypatch.setattr('sys.argv', [str(SCRIPT), *words.split()])
    runpy.run_path(str(SCRIPT), run_name='__main__')
    report = capsys.readouterr().out
    assert re.findall(r'^  (\S.*?) +x 2 +(\w+)', report, re.MULTILINE) == [('text', 'eager')]
    assert 'Self CPU time total' in report


def test_flops_of_a_pretraining_step_are_those_that_are_planned(tmp_path: Path) -> None:
    functions = runpy.run_path(str(SCRIPT))
    args = argparse.Namespace(pretraining=CONFIG, batch_size=4, tokens=6)
    loop = functions['pretraining_loop'](args, str(tmp_path))
    dataset = loop.dataloader.dataset
    drawn = dataset[functions['BatchIndex']('video', range(4))]
    few = functions['longest'](drawn.samples)
    batch = source_collate(drawn)
    assert source_collate(SourceSamples('video', few, drawn.weights))['inputs']['text'].ids.shape[1] == 1 + 4 + 6
    with FlopCounterMode(display=False) as counter:
        loop.optimize([batch])
    lengths = {key: batch['inputs'][key].ids.shape[1] for key in ('text', 'target', 'instruction')}
    work = Work(tuple(drawn.weights), 'video', 4, 4, **lengths)
    planned = trace(load_config(CONFIG).model, work, bf16=False).flops
    assert counter.get_total_flops() == pytest.approx(planned, rel=0.05)


def test_flops_are_those_of_the_matrix_products() -> None:
    """Twice the backward pass on top of the forward; the forward counted by hand for the vision encoder's linears."""
    functions = runpy.run_path(str(SCRIPT))
    network = functions['network_of']('tiny', *functions['PARTS'])
    clips = functions['clips_of'](network.vision_encoder, 2, 3)
    total = functions['Step'](network, clips, tokens=4).flops()
    layer = network.vision_encoder.blocks[0].layer
    width, hidden, blocks = network.width_of('vision'), layer.feed_forward.up.out_features, len(network.vision_encoder.blocks)
    tokens = 2 * 3 * 17
    linears = 2 * tokens * (4 * width * width + 2 * width * hidden) * blocks
    assert 3 * linears < total < 3 * 6 * linears  # the rest: temporal modules, attention, universal layers, decoder


def test_the_recipes_are_fed_as_by_their_data() -> None:
    """Every pipeline of the paper's mixture, without its files."""
    functions = runpy.run_path(str(SCRIPT))
    for name, source in load_config('pretraining/mplug2_base').train_dataloader.dataset.sources.items():
        work = functions['work_of'](source.dataset, 2)
        made = functions['MadeUp'](source.dataset, work, 20, 224)
        inputs = source_collate(SourceSamples(name, [made[0], made[1]], {}))['inputs']
        tokens = dict(image=25, video=25, image_questions=28, video_questions=28, text=128)  # with instructions
        assert inputs['text'].ids.shape[1] == tokens[name]
        if name != 'text':
            assert inputs['frames'].shape == (2, 4 if 'video' in name else 1, 3, 224, 224)
