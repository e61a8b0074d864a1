"""A package of somebody else adds two encoders, a decoder, a task and an objective; each goes through all that ours do.

Nothing here or there edits mplug2 or reads a private name of it; the package is found by its entry point alone.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mplug2.checkpoints import load_checkpoint
from tests.plugins.walk_worker import PARTS, SHARD_STEPS, STEPS
from tests.runs import ROOT, finished, install, logged, process_group, weights

pytestmark = pytest.mark.slow

PACKAGE = ROOT / 'tests' / 'plugins' / 'walk'
WORKER = ROOT / 'tests' / 'plugins' / 'walk_worker.py'
# part -> what `mplug2 modules` lists of it, and a key of its weights
CLASSES = {
    'register_vit': ('RegisterViT', 'network.vision_encoder.registers'),
    'small_conv_net': ('SmallConvNet', 'network.vision_encoder.downs.0.weight'),
    'wide_decoder': ('WideDecoder', 'network.decoder.head.weight'),
    'moment_retrieval': ('moments', 'network.decoder.head.bias'),
    'concept_contrast': ('retrieval', 'tasks.retrieval.contrastive.offset'),
}
METRICS = dict.fromkeys(PARTS, 'CIDEr-D') | {'moment_retrieval': 'R1@0.5', 'concept_contrast': 'text_to_video_R@1'}


@pytest.fixture(scope='module')
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('walk')


@pytest.fixture(scope='module')
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package built by pip and installed into a folder of its own."""
    return install(PACKAGE, 'mplug2_walk/*.[pt][yx]*', tmp_path_factory.mktemp('installed'))


@pytest.fixture(scope='module')
def single(mini_home: Path, installed: Path, out: Path) -> dict[str, dict]:
    """Part -> what one process reports of it, or the error."""
    finished(mini_home, WORKER, installed, 'single', out)
    return json.loads((out / 'single.json').read_text())


@pytest.fixture(scope='module')
def shard(mini_home: Path, installed: Path, out: Path) -> dict[str, dict]:
    """Part -> what two processes report of it that share the weights out."""
    ended = process_group(mini_home, 2, WORKER, installed, 'shard', out)
    assert [status for status, _ in ended] == [0, 0], ended[0][1][-4000:]
    return json.loads((out / 'shard.json').read_text())


@pytest.mark.parametrize('part', PARTS)
def test_a_part_trains_tests_and_is_shown(part: str, single: dict, out: Path) -> None:
    report = single[part]
    assert 'error' not in report, report['error']
    losses = logged(out / part)
    assert len(losses) == STEPS
    assert min(losses[step] for step in range(STEPS - 4, STEPS + 1)) < losses[1]
    assert CLASSES[part][1] in weights(out / part / f'iter_{STEPS}.pth')
    assert METRICS[part] in report['metrics']
    pages = [page.name for page in (out / f'{part}_test' / 'shown').iterdir()]
    assert pages == ['retrieved.png' if part == 'concept_contrast' else 'predictions.png']


@pytest.mark.parametrize('part', PARTS)
def test_the_tools_know_a_part(part: str, single: dict, out: Path) -> None:
    report = single[part]
    assert 'error' not in report, report['error']
    assert re.search(rf'^.*\b{CLASSES[part][0]}\b.*$', report['modules'], re.MULTILINE)
    rows = {line.split('  ')[0]: line.split()[-3:] for line in report['plan'].splitlines()}
    kept, recomputed, configured = (float(share) for share in rows['activations'])
    assert kept >= configured >= recomputed
    assert (out / f'{part}_smoke' / 'iter_1.pth').is_file()


@pytest.mark.distributed
@pytest.mark.parametrize('part', PARTS)
def test_two_processes_share_the_weights_out(part: str, single: dict, shard: dict, out: Path) -> None:
    report = shard[part]
    assert 'error' not in report, report['error']
    assert report['local'] < 0.51 * report['all']
    norms, alone = logged(out / f'{part}_shard', 'grad_norm'), logged(out / part, 'grad_norm')
    assert [norms[step] for step in range(1, SHARD_STEPS + 1)] == pytest.approx(
        [alone[step] for step in range(1, SHARD_STEPS + 1)], rel=1e-3
    )


def test_rates_fall_with_depth(single: dict, out: Path) -> None:
    """Layer by layer, in encoders of other packages too."""
    for part, depth in (('register_vit', 4), ('small_conv_net', 3)):
        optimizer = load_checkpoint(out / part / f'iter_{STEPS}.pth')['optimizer']
        rates = sorted({round(group['lr'] / 1e-3, 6) for group in optimizer['param_groups']})
        assert rates == [round(0.8**power, 6) for power in range(depth, -1, -1)]


def test_no_private_name_is_read() -> None:
    for file in PACKAGE.glob('mplug2_walk/*.py'):
        text = file.read_text()
        assert not re.findall(r'from mplug2[\w.]* import .*\b_\w+', text), file
        assert not re.findall(r'\b(?!self|cls)\w+\._(?!replace)[a-z]\w*', text), file  # a named tuple's own
        assert len(text.splitlines()) < 200


@pytest.mark.parametrize('page', ['extending', 'add_encoder', 'add_decoder', 'add_task', 'add_objective'])
def test_a_guide_quotes_the_package(page: str) -> None:
    guide = (ROOT / 'docs' / 'guides' / f'{page}.md').read_text()
    code = '\n'.join(file.read_text() for file in PACKAGE.rglob('*.[pt][yo]*'))
    quotes = re.findall(r'^```(?:python|toml)\n(.*?)^```$', guide, re.MULTILINE | re.DOTALL)
    assert quotes
    assert not [quote for quote in quotes if quote not in code]
