"""What classes of mmaction2, mmdet and mmcv would say of themselves, were they ours.

Ours have classmethods instead: ``describe_shape``, ``shrink_config``, ``stand_in``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..testing.tiny import TinySize
    from .shapes import SampleShape
    from .stand_ins import MiniBenchmark


class Description(NamedTuple):
    """shape: as ``describe_shape``. shrink: as ``shrink_config``. stand_in: as of a data set."""

    shape: Callable[[dict, SampleShape], SampleShape] | None = None
    shrink: Callable[[dict, TinySize], None] | None = None
    stand_in: Callable[[MiniBenchmark, dict], dict] | None = None


_DESCRIPTIONS: dict[str, Description] = {}


def register_description(*names: str, **parts: Callable) -> None:
    """Describe classes.

    Args:
        names: 'library.Class', for the class and those derived from it. parts: of `Description`.
    """
    _DESCRIPTIONS.update(dict.fromkeys(names, Description(**parts)))


def description_of(kind: object, library: str | None = None) -> Description:
    """What is registered of a class, or of the nearest that it derives from; an empty description if nothing is.

    Args:
        kind: a class, or a name in `library`.
    """
    if isinstance(kind, str):
        names = [f'{library}.{kind}']
    else:
        names = [f'{base.__module__.partition(".")[0]}.{base.__name__}' for base in getattr(kind, '__mro__', ())]
    return next((_DESCRIPTIONS[name] for name in names if name in _DESCRIPTIONS), Description())


def _sampled(cfg: dict, shape: SampleShape) -> SampleShape:
    return shape._replace(frames=cfg['clip_len'])


def _sample_few(cfg: dict, tiny: TinySize) -> None:
    cfg['clip_len'] = min(cfg['clip_len'], tiny.frames)


def _cropped(cfg: dict, shape: SampleShape) -> SampleShape:
    size = cfg.get('crop_size')
    return shape if size is None else shape._replace(side=size if isinstance(size, int) else size[0])


def _crop_small(cfg: dict, tiny: TinySize) -> None:
    cfg['crop_size'] = tiny.pixels


def _resized(cfg: dict, shape: SampleShape) -> SampleShape:
    """Only a square has one side; others are cropped later."""
    scale = cfg['scale']
    return shape._replace(side=scale[0]) if scale[0] == scale[1] else shape


def _resize_small(cfg: dict, tiny: TinySize) -> None:
    if 'keep_ratio' in cfg:
        cfg['scale'] = (tiny.pixels, tiny.pixels)
    elif cfg['scale'][0] == -1:  # the shorter side
        cfg['scale'] = (-1, tiny.pixels)


def _small_pairs(cfg: dict, tiny: TinySize) -> None:
    """(width, height) in pixels. Shares of an image are smaller numbers and stay."""
    for key in ('size', 'scale', 'crop_size'):
        pair = cfg.get(key)
        if isinstance(pair, (list, tuple)) and all(isinstance(side, int) and side > tiny.pixels for side in pair):
            cfg[key] = (tiny.pixels, tiny.pixels)


def _stand_in_for_coco(mini: Any, cfg: dict) -> dict:
    """A file only where there was one: without, the samples bring what is right."""
    return dict(ann_file=mini.path('coco/annotations/instances_val2014.json')) if cfg.get('ann_file') else {}


register_description(
    *(f'mmaction.{name}' for name in ('SampleFrames', 'DenseSampleFrames', 'UniformSample', 'UniformSampleFrames')),
    shape=_sampled,
    shrink=_sample_few,
)
register_description(
    *(f'mmaction.{name}' for name in ('CenterCrop', 'ThreeCrop', 'TenCrop')), shape=_cropped, shrink=_crop_small
)
register_description('mmaction.Resize', shape=_resized, shrink=_resize_small)
register_description('mmdet.Resize', 'mmdet.RandomCrop', 'mmdet.Pad', 'mmcv.RandomResize', shrink=_small_pairs)
register_description('mmdet.CocoMetric', stand_in=_stand_in_for_coco)
