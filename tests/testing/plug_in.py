"""A package of somebody else, with parts that describe themselves; `test_plug_in` imports it from a folder of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor, nn

from mplug2.datasets import CaptionDataset
from mplug2.datasets.transforms.base import BaseTransform
from mplug2.registry import DATASETS, MODELS, TRANSFORMS
from mplug2.text import register_instruction

register_instruction('telling', 'video', 'complete the text about the video .')


@DATASETS.register_module()
class TabbedClips(CaptionDataset):
    """Lines of ``NAME<TAB>CAPTION``; clips are ``data_prefix/NAME.mp4``."""

    PUBLISHED = {'tabbed': 100}
    REQUIRES = {'no_such_reader': 'the reader of tabbed files'}

    def __init__(self, ann_file: str, **kwargs) -> None:
        self.ann_file = ann_file
        super().__init__(**kwargs)

    def load_captions(self) -> list[dict]:
        rows = [line.split('\t') for line in Path(self.ann_file).read_text().splitlines()]
        return [dict(sample_id=name, media='video', path=f'{name}.mp4', captions=[caption]) for name, caption in rows]

    @classmethod
    def stand_in(cls, mini, cfg: dict) -> dict:
        lines = [f'{name}\t{caption}' for name, caption in mini.clip_captions(train=True)]
        return dict(ann_file=mini.write('mine.txt', '\n'.join(lines)), data_prefix=mini.path('msrvtt/videos'))


@TRANSFORMS.register_module()
class Enlarge(BaseTransform):
    """Repeats each frame, and each pixel of it.

    Args:
        times: a frame. factor: a pixel, either way.
    """

    def __init__(self, times: int, factor: int) -> None:
        self.times, self.factor = times, factor

    def transform(self, results: dict) -> dict:
        frames = np.repeat(results['frames'], self.times, 0)
        results['frames'] = frames.repeat(self.factor, 1).repeat(self.factor, 2)
        return results

    @classmethod
    def describe_shape(cls, cfg: dict, shape):
        return shape._replace(frames=cfg['times'] * shape.frames, side=cfg['factor'] * shape.side)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny) -> None:
        cfg.update(times=1, factor=1)


@MODELS.register_module()
class Bottleneck(nn.Module):
    """A temporal module.

    Args:
        width: C. inner: of the layer between.
    """

    sizes: list[int] = []

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.sizes.append(inner)
        self.layers = nn.Sequential(nn.Linear(width, inner), nn.Linear(inner, width))

    def init_weights(self) -> None:
        nn.init.zeros_(self.layers[1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny) -> None:
        cfg['inner'] = 4
