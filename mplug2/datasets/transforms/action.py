"""mmaction2's pipelines, as a transform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ...registry import TRANSFORMS
from ..foreign import Description, description_of
from ..io.bad_samples import BadSampleError
from ..io.video import has_times
from .base import BaseTransform

if TYPE_CHECKING:
    from ...testing.tiny import TinySize
    from ..shapes import SampleShape


@cache
def _decoding_errors() -> tuple[type[Exception], ...]:
    """What decoders raise of broken files."""
    found: list[type[Exception]] = [RuntimeError, OSError]
    try:
        from decord import DECORDError

        found.append(DECORDError)
    except ImportError:
        pass
    try:
        from av import FFmpegError

        found.append(FFmpegError)
    except ImportError:
        pass
    return tuple(found)


@TRANSFORMS.register_module()
class ActionPipeline(BaseTransform):
    """Runs transforms of mmaction2 and takes over what they packed: ``path`` and ``label`` -> ``frames`` and ``label``.

    ``frames`` is (T, H, W, 3) uint8, or (V, T, H, W, 3) with ``num_views`` where tests make V clips and crops of a sample.
    ``gt_label`` stays beside, for mmaction2's metrics.

    Args:
        steps: configs of mmaction2's transforms, from decoding to ``FormatShape`` (NCTHW) and ``PackActionInputs``.

    Raises:
        ValueError: the last step does not pack. BadSampleError: the clip is missing, empty, truncated or no video, or decord is
            to read a container that it gives wrong frames of (`has_times`).
    """

    def __init__(self, steps: Sequence[dict | Callable]) -> None:
        import mmaction.datasets.transforms  # noqa: F401  (registers them)
        from mmaction.registry import TRANSFORMS as ACTION_TRANSFORMS

        self.steps = [ACTION_TRANSFORMS.build(step) if isinstance(step, dict) else step for step in steps]
        if not self.steps or type(self.steps[-1]).__name__ != 'PackActionInputs':
            raise ValueError("ActionPipeline: the last of its steps is mmaction2's PackActionInputs")

    def transform(self, results: dict) -> dict:
        path = results['path']
        if not has_times(path) and any(type(step).__name__.startswith('Decord') for step in self.steps):
            raise BadSampleError(
                f'{path}: no MP4, QuickTime, Matroska or WebM, and of others decord gives wrong frames: if it is a video, '
                'take PyAVInit and PyAVDecode in place of DecordInit and DecordDecode'
            )
        packed = dict(filename=path, label=results['label'], start_index=0, modality='RGB')
        for step in self.steps:
            try:
                packed = step(packed)
            except _decoding_errors() as error:
                told = str(error).strip().split('\n')[0]
                raise BadSampleError(f'{path}: {type(step).__name__} of mmaction2 failed ({told})') from None
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

    @classmethod
    def requires(cls, cfg: dict) -> dict[str, str]:
        names = [kind if isinstance(kind, str) else kind.__name__ for kind in (step['type'] for step in cfg['steps'])]
        reader = {'decord': 'decord'} if any(name.startswith('Decord') for name in names) else {'av': 'av'}
        return {'mmaction': 'mmaction2 without its dependencies'} | reader


def _description(step: dict) -> Description:
    return description_of(step['type'], 'mmaction')
