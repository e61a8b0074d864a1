"""Images of a config have the size that its positions are for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mplug2.config.load import load_config, shipped_configs

CONFIGS = Path(__file__).parents[2] / 'configs'
# Those that change the size of their bases, and the bases' own.
NAMES = sorted(path.relative_to(CONFIGS).with_suffix('').as_posix() for path in CONFIGS.glob('image*/mplug2_large_*.py'))
NAMES += ['image_captioning/mplug2_base_coco', 'image_qa/mplug2_base_vqav2', 'visual_grounding/mplug2_large_refcoco']
IMAGES = ('coco', 'vqav2', 'imagenet')
PROJECTS = [name for name, file in shipped_configs().items() if 'projects' in file.parts]
NAMES += [name for name in PROJECTS if any(f'_{data}' in name for data in IMAGES)]


def last_sizes(dataset: Any) -> Iterator[int]:
    """Of each pipeline of a data set and of those inside it."""
    sizes = [step['size'] for step in dataset.get('pipeline', []) if isinstance(step.get('size'), int)]
    yield from sizes[-1:]
    for inner in (*dataset.get('variants', {}).values(), *dataset.get('datasets', [])):
        yield from last_sizes(inner)


@pytest.mark.parametrize('name', NAMES)
def test_every_loader_reads_at_the_size_of_the_model(name: str) -> None:
    cfg = load_config(name)
    loaders = [cfg.get(f'{part}_dataloader') for part in ('train', 'val', 'test')]
    sizes = [size for loader in loaders if loader is not None for size in last_sizes(loader.dataset)]
    assert set(sizes) == {cfg.model.network.vision_encoder.image_size}


def test_detection_at_large_sizes() -> None:
    """EVA trains at 1280 and tests at 1536; `Resize` and `Pad` of tests, and all steps of training, agree."""
    cfg = load_config('detection/mplug2_large_coco')
    for part, side in (('train', 1280), ('val', 1536), ('test', 1536)):
        steps = cfg[f'{part}_dataloader'].dataset.pipeline
        found = {tuple(step[key]) for step in steps for key in ('size', 'scale', 'crop_size') if key in step}
        assert found == {(side, side)}, part
    assert cfg.model.backbone.network.vision_encoder.image_size == 1280
