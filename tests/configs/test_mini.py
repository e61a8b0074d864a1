"""The configs of the mini benchmark among each other."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from mplug2 import registry
from mplug2.config.load import load_config
from mplug2.registry import resolve
from mplug2.text import BertTokenizer, clean_question

CONFIGS = sorted(path.stem for path in (Path(__file__).parents[2] / 'configs/mini').glob('*.py'))

PROCESSES = {'multitask': 4}


def test_learning_rates_are_for_the_batch_sizes_that_they_are_used_with() -> None:
    """One process trains them, or as many as `PROCESSES` says, so `--auto-scale-lr` changes nothing until the batch does."""
    wrong, seen = {}, 0
    for name in CONFIGS:
        cfg = load_config(f'mini/{name}')
        if not cfg.get('train_dataloader'):
            continue
        seen += 1
        samples = cfg.train_dataloader.batch_size
        if samples is None:  # sources in turn
            sources = cfg.train_dataloader.dataset.sources.values()
            ratios = [source.get('ratio', 1) for source in sources]
            samples = sum(ratio * source.batch_size for ratio, source in zip(ratios, sources, strict=True)) / sum(ratios)
        samples *= PROCESSES.get(name, 1)
        if cfg.auto_scale_lr.base_batch_size != pytest.approx(samples, abs=0.5):
            wrong[name] = cfg.auto_scale_lr.base_batch_size, samples
    assert seen > 20
    assert not wrong


def instructions_of(node: object) -> list:
    """The instructions that the classes of a part of a config get, named there or by default."""
    if isinstance(node, (list, tuple)):
        return [name for item in node for name in instructions_of(item)]
    if not isinstance(node, dict):
        return []
    found = [name for item in node.values() for name in instructions_of(item)]
    takes = inspect.signature(node['type']).parameters if 'type' in node else {}
    return [*found, node.get('instruction', takes['instruction'].default)] if 'instruction' in takes else found


@pytest.mark.parametrize(
    'name',
    [
        'mini/pretrain',
        'pretraining/mplug2_base',
        'mini/video_captioning',
        'video_qa/mplug2_base_msvd',
        'mini/image_classification_zeroshot',
    ],
)
def test_one_switch_drops_all_instructions(name: str) -> None:
    parts = ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader')
    with_them, without = load_config(name), load_config(name, {'instructions': False})
    assert any(instructions_of([with_them[part] for part in parts]))
    assert not any(instructions_of([without[part] for part in parts]))


@pytest.mark.parametrize('name', ['mini/pretrain', 'mini/video_qa', 'video_text_retrieval/mplug2_base_msrvtt'])
def test_configs_without_instructions_are_the_switch(name: str) -> None:
    assert load_config(f'{name}_no_instruction').pretty_text == load_config(name, {'instructions': False}).pretty_text


def test_without_instructions_texts_go_in_alone(mini_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mini_home)
    tokenizer = BertTokenizer('mini')
    tested = load_config('mini/video_qa', {'instructions': False}).test_dataloader.dataset
    dataset = registry.DATASETS.build(resolve(tested, registry.DATASETS))
    assert dataset[0]['inputs']['text'] == tokenizer.encode(clean_question(dataset.record(0)['question']))
    sources = load_config('mini/pretrain_no_instruction').train_dataloader.dataset.sources
    images = registry.DATASETS.build(resolve(sources.image.dataset, registry.DATASETS))[0]['inputs']
    assert images['instruction'] == [tokenizer.cls_id]
    assert images['text'] == images['target'][0].ids[:-1]
