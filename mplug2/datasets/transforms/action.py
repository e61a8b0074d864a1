"""mmaction2's pipelines, as a transform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...registry import TRANSFORMS
from ..foreign import Description, description_of
from ..io.bad_samples import BadSampleError
from ..io.clip import Clip
from ..io.files import last_line
from .base import BaseTransform

if TYPE_CHECKING:
    from ...testing.tiny import TinySize
    from ..shapes import SampleShape


@TRANSFORMS.register_module()
class OpenClip(BaseTransform):
    """``filename`` -> ``video_reader``, ``total_frames`` and ``avg_fps``, in place of mmaction2's DecordInit or PyAVInit."""

    def transform(self, results: dict) -> dict:
        clip = Clip(results['filename'])
        return results | dict(video_reader=clip, total_frames=len(clip), avg_fps=clip.fps)


@TRANSFORMS.register_module()
class DecodeClip(BaseTransform):
    """``frame_inds`` of the ``video_reader`` -> ``imgs``, in place of mmaction2's DecordDecode or PyAVDecode."""

    def transform(self, results: dict) -> dict:
        frames = np.squeeze(results['frame_inds']).reshape(-1)
        images = list(results.pop('video_reader').read(frames.tolist()))
        size = images[0].shape[:2]
        return results | dict(frame_inds=frames, imgs=images, original_shape=size, img_shape=size)


# Steps of mmaction2 that read by decoders of their own, which give wrong frames of many clips, and the one for them here.
_READING = {f'{decoder}Init': OpenClip for decoder in ('Decord', 'PyAV', 'OpenCV')}
_READING |= {f'{decoder}Decode': DecodeClip for decoder in ('Decord', 'PyAV', 'OpenCV')}


@TRANSFORMS.register_module()
class ActionPipeline(BaseTransform):
    """Runs transforms of mmaction2 and takes over what they packed: ``path`` and ``label`` -> ``frames`` and ``label``.

    ``frames`` is (T, H, W, 3) uint8, or (V, T, H, W, 3) with ``num_views`` where tests make V clips and crops of a sample.
    ``gt_label`` stays beside, for mmaction2's metrics. `OpenClip` and `DecodeClip` read the clips, also where
    a pipeline of mmaction2 names its own steps for that (``DecordInit``, ``PyAVDecode``, ...).

    Args:
        steps: configs of mmaction2's transforms, from decoding to ``FormatShape`` (NCTHW) and ``PackActionInputs``.
        classes: names of the labels that the ``flip_label_map`` of a ``Flip`` was made for; it may use them in place of
            numbers. `mplug2.engine.ClassCount` holds them against those of the data, in which numbers may mean others.

    Raises:
        ValueError: the last step does not pack, or a ``flip_label_map`` has a name that is none of the classes, or swaps no
            pairs. BadSampleError: the clip is missing, empty, truncated or no video.
    """

    REQUIRES = {'mmaction': 'mmaction2 without its dependencies', 'av': 'av'}

    def __init__(self, steps: Sequence[dict | Callable], classes: Sequence[str] | None = None) -> None:
        import mmaction.datasets.transforms  # noqa: F401  (registers them)

        self.classes = None if classes is None else list(classes)
        self.swapped_labels: list[int] = []  # that a mirrored clip has for others
        self.steps = [self._build(step) if isinstance(step, dict) else step for step in steps]
        if not self.steps or type(self.steps[-1]).__name__ != 'PackActionInputs':
            raise ValueError("ActionPipeline: the last of its steps is mmaction2's PackActionInputs")

    def _build(self, step: dict) -> Callable:
        if swaps := step.get('flip_label_map'):
            swaps = {self._label(one): self._label(other) for one, other in swaps.items()}
            for one, other in swaps.items():
                if swaps.get(other) != one:
                    raise ValueError(
                        f'ActionPipeline: flip_label_map makes {one} of a mirrored clip to {other}, so it has to make {other} '
                        f'to {one} too, and makes it {swaps.get(other, other)}'
                    )
            self.swapped_labels += swaps
            step = dict(step, flip_label_map=swaps)
        return _build(step)

    def _label(self, label: int | str) -> int:
        classes = self.classes or []
        if type(label) is int and (self.classes is None or 0 <= label < len(classes)):
            return label
        if label not in classes:
            raise ValueError(
                f'ActionPipeline: flip_label_map has {label!r}, '
                + ('and no classes to look it up in' if self.classes is None else f'which is none of {classes}')
            )
        return classes.index(label)

    def transform(self, results: dict) -> dict:
        packed = dict(filename=results['path'], label=results['label'], start_index=0, modality='RGB')
        for step in self.steps:
            try:
                packed = step(packed)
            except (RuntimeError, OSError) as error:
                failed = f'{results["path"]}: {type(step).__name__} of mmaction2 failed ({last_line(error)})'
                raise BadSampleError(failed) from None
        views = packed['inputs']
        if views.dim() != 5:
            raise ValueError(f"ActionPipeline: FormatShape is to make 'NCTHW', but inputs are {tuple(views.shape)}")
        frames = np.ascontiguousarray(views.permute(0, 2, 3, 4, 1).numpy())
        gt_label = packed['data_samples'].gt_label
        results.update(gt_label=gt_label, label=int(gt_label), frames=frames[0], num_views=len(frames))
        if len(frames) > 1:
            results['frames'] = frames
        return results

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        shape = shape._replace(media='video')
        for step in cfg['steps']:
            if (describe := _description(step).shape) is not None:
                shape = describe(step, shape)
        return shape

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        for step in cfg['steps']:
            if (shrink := _description(step).shrink) is not None:
                shrink(step, tiny)


def _description(step: dict) -> Description:
    return description_of(step['type'], 'mmaction')


def _build(step: dict) -> Callable:
    from mmaction.registry import TRANSFORMS as ACTION_TRANSFORMS

    name = step['type'] if isinstance(step['type'], str) else step['type'].__name__
    if name in _READING:
        return _READING[name]()
    return TRANSFORMS.build(step) if name in (OpenClip.__name__, DecodeClip.__name__) else ACTION_TRANSFORMS.build(step)
