"""`explain` names the line that gives a value: every leaf of ten configs has one, and changing that line changes the leaf."""

from __future__ import annotations

import ast
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mplug2.config.explain import _value, explain, place_of, trace
from mplug2.config.load import config_folder, find_config, load_config

NAMES = [
    'mini/pretrain',
    'mini/video_captioning_demo',
    'mini/image_qa_joint',
    'mini/video_classification_single_frame',
    'pretraining/mplug2_large',
    'text_classification/mplug2_deberta_mnli',
    'visual_grounding/mplug2_large_refcoco_plus',
    'video_captioning/mplug2_large_msvd_cider',
    'video_classification/mplug2_large_kinetics400',
    'image_classification/mplug2_large_imagenet_linear',
]


def leaves(node: Any, key: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    children = dict.items(node) if isinstance(node, dict) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    if not children or not node:
        yield '.'.join(key), node
    for part, child in children if node else ():
        yield from leaves(child, (*key, str(part)))


class Change(ast.NodeTransformer):
    """Change the numbers and strings on a line: those of a value, or where that is computed, all."""

    def __init__(self, line: int, value: Any = None) -> None:
        self.line, self.value, self.count = line, value, 0

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        chosen = self.value is None or (type(node.value) is type(self.value) and node.value == self.value)
        if node.lineno != self.line or type(node.value) not in (int, float, str) or not chosen:
            return node
        self.count += 1
        return ast.copy_location(ast.Constant(node.value + ('x' if isinstance(node.value, str) else 1)), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.Subscript:
        return node  # keys that lead to a value are not the value


def changed(source: str, line: int, value: Any) -> str | None:
    """A file's text with a value on a line changed; None where no literal of the line gives it."""
    for wanted in (value, None):
        change = Change(line, wanted)
        tree = change.visit(ast.parse(source))
        if change.count:
            return ast.unparse(tree)
    return None


@pytest.fixture(scope='module')
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(config_folder(), tmp_path_factory.mktemp('copy') / 'configs'))


@pytest.mark.parametrize('name', NAMES)
def test_changing_the_named_line_changes_the_value(name: str, copied: Path) -> None:
    path = copied / f'{name}.py'
    cfg, marked = load_config(path)._to_lazy_dict(), trace(path)
    places = {key: place_of(path, marked, key) for key, _ in leaves(cfg) if key != 'default_scope'}
    assert not [key for key, place in places.items() if place.line == 1]  # where every file has its comment
    wrote = [(key, value) for key, value in leaves(cfg) if type(value) in (int, float, str)]
    tried = 0
    for key, value in random.Random(0).sample(wrote, 8):
        place = places[key]
        source = place.path.read_text()
        text = changed(source, place.line, value)
        if text is None:  # computed from names alone
            continue
        tried += 1
        place.path.write_text(text)
        try:
            assert _value(path, load_config(path)._to_lazy_dict(), key) != value, (key, place)
        finally:
            place.path.write_text(source)
    assert tried > 4


def test_a_value_set_twice_is_the_later() -> None:
    value, path, line = explain('detection/mplug2_large_coco', 'optim_wrapper.optimizer.lr')
    assert value == 2.5e-5
    assert path.name == 'mplug2_large_coco.py'
    assert 'lr=2.5e-5' in path.read_text().splitlines()[line - 1]


def test_loops_classes_and_empty_values(tmp_path: Path) -> None:
    config = tmp_path / 'config.py'
    config.write_text(
        'from torch.optim import SGD\n'
        'parts = dict(a=dict(), b=dict())\n'
        'for number, part in enumerate(parts.values()):\n'
        '    part.update(\n'
        '        rate=0.5,\n'
        '        count=number + 1,\n'
        '        kind=SGD,\n'
        '        none=None,\n'
        '    )\n'
        "parts['b']['rate'] = 0.25\n"
        "scales = [2**power for power in (1, 2)] if parts['a']['none'] is None else []\n"
    )
    lines = dict(a=dict(rate=5, count=6, kind=7, none=8), b=dict(rate=10, count=6))
    for part, keys in lines.items():
        for key, line in keys.items():
            assert explain(config, f'parts.{part}.{key}')[1:] == (config, line)
    assert explain(config, 'scales.1') == (4, config, 11)


def test_the_switch_of_instructions_is_named() -> None:
    name = 'mini/video_qa_no_instruction'
    value, path, _ = explain(name, 'test_dataloader.dataset.pipeline.2.instruction')
    assert (value, path.resolve()) == (None, find_config(name).resolve())
