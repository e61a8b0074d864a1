"""What the README and the docs show is run as it is there."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import runpy
import shlex
from pathlib import Path

import pytest
import torch
from PIL import Image

from mplug2 import Inferencer
from mplug2.cli import COMMANDS, main, module_of
from mplug2.config.load import config_folder, find_config, load_config
from mplug2.datasets.shapes import SampleShape
from mplug2.datasets.stand_ins import MiniBenchmark
from mplug2.datasets.transforms import PackInputs
from mplug2.model import MPlug2
from mplug2.registry import DATASETS, MODELS, WEIGHT_FORMATS, resolve
from tests.datasets.media import write_video
from tests.runs import ROOT
from tests.tasks.models import small_network_cfg


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf'^```{kind}\n(.*?)^```$', (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_module_of_the_readme(mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, config = (block for block in blocks('README.md', 'python') if block.startswith('# my_'))
    (tmp_path / 'my_package').mkdir()
    for text in (module, config):
        name, rest = text.split('\n', 1)
        (tmp_path / name.removeprefix('# ')).write_text(rest)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(mini_home)
    model = MODELS.build(resolve(load_config(tmp_path / 'my_config.py').model, MODELS))
    model.init_weights()
    found = [type(part).__name__ for part in model.network.vision_encoder.modules()]
    assert 'TemporalMean' in found


def test_clips_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, *_ = blocks('docs/guides/own_data.md', 'python')
    (listed,) = blocks('docs/guides/own_data.md', 'json')
    monkeypatch.chdir(tmp_path)
    for name in ('a1', 'a2'):
        write_video(tmp_path / f'data/mine/videos/{name}.mp4', frames=6)
    Path('data/mine/clips.json').write_text(listed)
    Path('my_captions.py').write_text(config)
    cfg = load_config('my_captions.py')
    for loader, clip in ((cfg.train_dataloader, 'a1'), (cfg.test_dataloader, 'a2')):
        said = [line['caption'] for line in json.loads(listed)['sentences'] if line['video_id'] == clip]
        loader.dataset.pipeline = [step for step in loader.dataset.pipeline if 'tokenizer' not in step]
        loader.dataset.pipeline[-1] = dict(type=PackInputs, fields=['captions'])
        data = DATASETS.build(resolve(loader.dataset, DATASETS))
        captions = [data[number]['data_samples'].captions for number in range(len(data))]
        assert captions == ([[text] for text in said] if clip == 'a1' else [said])
    assert cfg.model.init_cfg.source == 'weights/caption.safetensors'


def test_lines_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (lines,) = blocks('docs/guides/own_data.md', 'jsonl')
    (tmp_path / 'own.jsonl').write_text(lines)
    write_video(tmp_path / 'a1.mp4', frames=6)
    write_video(tmp_path / 'a2.mp4', frames=91)
    for number in (3, 4):
        Image.new('RGB', (240, 240), (number, 0, 0)).save(tmp_path / f'a{number}.jpg')
    assert main(['data', 'check', str(tmp_path / 'own.jsonl')]) == 1
    assert 'PROBLEM  label: no line of train has the class dog' in capsys.readouterr().out.splitlines()[-1]
    page = (ROOT / 'docs/guides/own_data.md').read_text()
    listed = set(re.findall(r'`(\w+)\.py`', page.split('| recipe in')[1].split('\n\n')[0]))
    assert listed == {path.stem for path in (config_folder() / 'own').glob('*.py')}


def test_a_data_set_of_ones_own(tmp_path: Path, mini_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, stand_in, describe_shape = blocks('docs/guides/add_data_set.md', 'python')
    (tmp_path / 'tabbed_clips.py').write_text(f'{code}\n{stand_in}')
    (tmp_path / 'clips.tsv').write_text('a\ta dog runs\nb\ttwo cats\n')
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module('tabbed_clips')
    data = DATASETS.build(dict(type='Tabbed', ann_file=str(tmp_path / 'clips.tsv'), data_prefix='clips', pipeline=[]))
    assert data.record(1) == dict(sample_id='b', media='video', path='clips/b.mp4', captions=['two cats'])
    data = DATASETS.build(dict(type='Tabbed', **type(data).stand_in(MiniBenchmark(mini_home / 'data/mini'), {})))
    assert Path(data.record(0)['path']).is_file()
    described: dict = {}
    exec(f'class Repeat:\n{describe_shape}', described)
    assert described['Repeat'].describe_shape(dict(times=3), SampleShape(frames=4)).frames == 12


QUOTES = {
    'add_metric': [
        'projects/example_project/mplug2_example/direction.py',
        'projects/example_project/configs/direction_mini.py',
    ],
    'add_wiring': ['tests/networks/test_wiring.py'],
    'systems': [f'projects/clip/{name}.py' for name in ('network', 'formats', 'hub', 'configs/_vit_b16')],
}


@pytest.mark.parametrize('page', QUOTES)
def test_a_guide_quotes_what_is_tested(page: str) -> None:
    code = '\n'.join((ROOT / source).read_text() for source in QUOTES[page])
    quotes = blocks(f'docs/guides/{page}.md', 'python')
    assert quotes
    assert not [quote for quote in quotes if quote not in code]


def test_adapters_of_ones_own(tmp_path: Path) -> None:
    config, _ = blocks('docs/guides/adapters.md', 'python')
    (tmp_path / 'my_lora.py').write_text(config)
    model = MODELS.build(resolve(load_config(tmp_path / 'my_lora.py').model, MODELS))
    model.add_adapters()
    trained = {name.split('.')[1] for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {'vision_encoder', 'decoder', 'universal'}


def test_a_weight_format_of_ones_own() -> None:
    adapter, config = blocks('docs/guides/add_weight_format.md', 'python')
    registered = dict(WEIGHT_FORMATS.module_dict)
    try:
        names: dict = {}
        exec(adapter, names)
        state = dict(words=torch.randn(1000, 32), places=torch.randn(1, 64, 32))
        init: dict = {}
        exec(config.replace("'theirs.safetensors'", 'state'), dict(model=init, state=state))
        tokenizer = dict(type='BertTokenizer', vocab='mini')
        model = MPlug2(small_network_cfg(), dict(caption=dict(type='Captioning')), tokenizer, **init)
        model.init_weights()
        assert torch.equal(model.network.text_encoder.embedding.position.weight, state['places'][0])
        written = names['Embeddings']().from_mplug2(model.network.state_dict())
        assert all(torch.equal(written[name], tensor) for name, tensor in state.items())
    finally:
        WEIGHT_FORMATS.module_dict.clear()
        WEIGHT_FORMATS.module_dict.update(registered)


INFERENCE = ['get_started/first_caption', 'guides/inference', 'guides/looking_inside', 'guides/publishing']


@pytest.mark.parametrize('page', ['README.md', *(f'docs/{page}.md' for page in INFERENCE)])
def test_inference(page: str, mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python as it is there, in one session a page, and the command lines."""
    clips = sorted((mini_home / 'data/mini/msrvtt/videos').glob('*.mp4'))[:3]
    image = min((mini_home / 'data/mini/coco/val2014').glob('*.jpg'))
    monkeypatch.chdir(tmp_path)
    Path('clips').mkdir()
    for clip in clips:
        Path('clips', clip.name).write_bytes(clip.read_bytes())
    Path('clip.mp4').write_bytes(clips[0].read_bytes())
    Image.open(image).save('image.png')
    names: dict = {}
    for block in blocks(page, 'python')[: 1 if page == 'README.md' else None]:
        exec(block, names)
    assert isinstance(names['model'], Inferencer)
    lines = [line for block in blocks(page, 'bash') for line in block.splitlines()]
    for line in lines if page != 'README.md' else ():
        assert main(shlex.split(line)[1:]) == 0


def test_one_step_prints_what_it_says(mini_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """Every shape and name that the page shows; its clips are those of the whole benchmark, so their texts are not compared."""
    page = 'docs/explanation/one_step.md'
    monkeypatch.chdir(mini_home)
    names: dict = {}
    for code, shown in zip(blocks(page, 'python'), blocks(page, 'text'), strict=True):
        exec(code, names)
        printed = capsys.readouterr().out.splitlines()
        lines = [line for line in shown.splitlines() if not re.search('4390|moves', line)]
        assert not [line for line in lines if line not in printed]


SITE = runpy.run_path(str(ROOT / 'tools/docs/hooks.py'))
GENERATED = {ROOT / f'docs/reference/{name}.md' for name in (*SITE['PAGES'], *(f'api/{name}' for name in SITE['API']))}
PAGES = sorted(page.relative_to(ROOT) for folder in ('docs', 'projects') for page in (ROOT / folder).rglob('*.md'))


ALL = [*(page.relative_to(ROOT) for page in sorted(ROOT.glob('*.md'))), *PAGES]


@pytest.mark.parametrize('page', [page for page in ALL if page.parts[0] in ('docs', 'CONTRIBUTING.md', 'SECURITY.md')], ids=str)
def test_a_sentence_a_line(page: Path) -> None:
    text = re.sub(r'^ *```.*?^ *```$', '', (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    prose = [line for line in text.splitlines() if not line.startswith(('|', '    ', '#'))]
    for line in prose:
        plain = re.sub(r'`[^`]*`', 'code', re.sub(r'^\W*\*\*.*?\*\* |^ *\d+\. |et al\.', '', line))
        assert not re.search(r'[.!?] +[A-Z\[]', plain), line
    if page.parts[0] == 'docs' and page.name != 'README.md':
        first = next(line for line in text.splitlines()[1:] if line)
        assert first.endswith('?'), f'the first line is the question that the page answers, not: {first}'


def test_commands_exist() -> None:
    """Each `mplug2` line of a block has a command's arguments, and names configs that are there."""
    wrong, seen = [], 0
    for page in ALL:
        text = (ROOT / page).read_text().replace('\\\n', ' ')
        for line in re.findall(r'^(?: {4})?(?:\w+=\S+ )*mplug2 (.*)$', text, re.MULTILINE):
            if (name := line.split()[0]) not in COMMANDS:
                continue
            words = shlex.split(re.split(' (?:>|&&|[|]) ', line)[0], comments=True)[1:]
            if '...' in words or '|' in words:
                continue
            parser, seen = argparse.ArgumentParser(exit_on_error=False), seen + 1
            module_of(name).add_arguments(parser)
            try:
                config = getattr(parser.parse_args(words), 'config', None)
                if isinstance(config, str) and re.fullmatch(r'[a-z]\w*/\w+', config):
                    find_config(config)
            except (argparse.ArgumentError, FileNotFoundError) as error:
                wrong.append(f'{page}: {line}: {error}')
            except SystemExit as error:
                wrong += [f'{page}: {line}'] if error.code else []
    assert not wrong
    assert seen > 100


@pytest.mark.parametrize('page', sorted((ROOT / 'docs/guides/tasks').glob('[!Ra]*.md')), ids=lambda page: page.stem)
def test_a_page_of_a_task_has_what_a_user_needs(page: Path) -> None:
    text = page.read_text()
    assert f'mplug2 train mini/{page.stem}' in text or page.stem == 'pretraining'
    assert 'mplug2 test' in text
    assert f'own/{page.stem}' in text or page.stem == 'pretraining'
    assert re.search(r'data/\w+/', text)


@pytest.mark.parametrize('page', ALL, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = (ROOT / page).read_text()
    links = [link for link in re.findall(r'\]\(([^)\s]+)\)', text) if not link.startswith('http')]
    broken = []
    for link in links:
        target, _, anchor = link.partition('#')
        path = (ROOT / page).parent / target if target else ROOT / page
        if path.resolve() in GENERATED:
            continue
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            broken.append(link)
    assert not broken


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r'^#+ (.*)$', page.read_text(), re.MULTILINE)
    return {re.sub(r'[^\w -]', '', heading.lower()).strip().replace(' ', '-') for heading in headings}
