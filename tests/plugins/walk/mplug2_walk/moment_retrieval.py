"""Video moment retrieval: when in a clip does what a phrase says happen? Task, data set, target, metric, instruction and view.

A moment is a start and an end, as shares of the clip; the decoder writes it in two location tokens, one for each boundary.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from mplug2.datasets import BadSampleError, MultiModalDataset
from mplug2.datasets.transforms.packing import TargetText
from mplug2.datasets.transforms.text import Tokenizing
from mplug2.evaluation.base import Metric, field, mean, percent
from mplug2.modules.contracts import Memory
from mplug2.modules.generation import Hypothesis
from mplug2.networks import Features
from mplug2.registry import DATASETS, METRICS, TASKS, TRANSFORMS
from mplug2.structures import Batch, MultiModalDataSample
from mplug2.tasks import GenerativeTask, InputKind, TaskSpec, TextGenerator
from mplug2.text import register_instruction
from mplug2.text.locations import LocationTokens
from mplug2.visualization import Shown, register_view

register_instruction('moment_retrieval', 'video', 'find in the video .')


@DATASETS.register_module()
class Moments(MultiModalDataset):
    """JSON list of ``{"video", "phrase", "start", "end", "duration"}``, in seconds. Clips are ``data_prefix/VIDEO.mp4``.

    Fields: ``phrase``; ``moment``, start and end as shares of the clip.
    """

    def __init__(self, ann_file: str, **kwargs: Any) -> None:
        self.ann_file = ann_file
        super().__init__(**kwargs)

    def load_records(self) -> list[dict]:
        return [
            dict(
                sample_id=number,
                media='video',
                path=f'{line["video"]}.mp4',
                phrase=line['phrase'],
                moment=[line['start'] / line['duration'], line['end'] / line['duration']],
            )
            for number, line in enumerate(json.loads(Path(self.ann_file).read_text()))
        ]

    @classmethod
    def stand_in(cls, mini, cfg: dict) -> dict:
        train = 'train' in cfg['ann_file']
        lines = [
            dict(video=name, phrase=caption, start=number % 3, end=number % 3 + 2, duration=4)
            for number, (name, caption) in enumerate(mini.clip_captions(train))
        ]
        return dict(ann_file=mini.write(f'moments_{train}.json', lines), data_prefix=mini.path('msrvtt/videos'))


@TRANSFORMS.register_module()
class MomentTarget(Tokenizing):
    """``moment`` -> ``target``, two boundary tokens.

    Args:
        tokenizer: config, of the decoder. locations: arguments of `LocationTokens`, the same as the task's.
    """

    def __init__(self, tokenizer: dict | Any, locations: dict | None = None) -> None:
        super().__init__(tokenizer)
        self.locations = LocationTokens(self.tokenizer, **(locations or {}), num_coordinates=2)

    def transform(self, results: dict) -> dict:
        start, end = results['moment']
        if end < start:
            raise BadSampleError(f'{results["path"]}: the moment ends at {end:.0%}, before it starts at {start:.0%}')
        ids = [self.tokenizer.cls_id, *self.locations.encode((start, end)), self.tokenizer.sep_id]
        results['target'] = [TargetText(ids, [place > 0 for place in range(len(ids))])]
        return results

    @classmethod
    def describe_shape(cls, cfg: dict, shape):
        return shape._replace(target=4)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny) -> None:
        cfg['locations'] = tiny.locations


@TASKS.register_module()
class MomentRetrieval(GenerativeTask):
    """Find the moment of a phrase.

    Args:
        network, tokenizer: given by the model. locations: arguments of `LocationTokens`, the same as the data's.

    Predictions: ``pred_moment``, start and end as shares of the clip, in order, or None if what was generated is no moment.
    """

    loss_name = 'moment'
    spec = TaskSpec.of('text video', 'vision text fused decoder')
    inputs = {'frames': InputKind.FRAMES, 'text': InputKind.TEXT, 'target': InputKind.TARGET}

    def __init__(self, network: nn.Module, tokenizer, locations: dict | None = None) -> None:
        places = LocationTokens(tokenizer, **(locations or {}), num_coordinates=2)
        super().__init__(TextGenerator(tokenizer, places.generation(num_beams=2)))
        self.locations = places
        self.register_buffer('allowed', places.allowed, persistent=False)

    def memory(self, features: Features) -> Memory:
        return features.memory('fused')

    def hypotheses(self, features: Features) -> list[list[Hypothesis]]:
        return self.generator.hypotheses(features, self.memory(features), self.allowed)

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        for sample, (best, *_) in zip(batch.samples, self.hypotheses(features), strict=True):
            moment = self.locations.decode(best.ids)
            sample.pred_moment = None if moment is None else tuple(sorted(moment))
        return batch.samples


def moment_iou(first: Sequence[float] | None, second: Sequence[float]) -> float:
    """Intersection over union of two moments; 0 without the first."""
    if first is None:
        return 0.0
    common = max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
    union = (first[1] - first[0]) + (second[1] - second[0]) - common
    return common / union if union > 0 else 0.0


@METRICS.register_module()
class MomentIoU(Metric):
    """``R1@0.3``, ``R1@0.5`` and ``R1@0.7``: moments, in percent, that overlap the right one by as much; and ``mean_iou``."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        pairs = ((field(sample, 'pred_moment', self), field(sample, 'moment', self)) for sample in data_samples)
        self.results += [moment_iou(predicted, right) for predicted, right in pairs]

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        recalls = {f'R1@{overlap}': percent([iou >= overlap for iou in results]) for overlap in (0.3, 0.5, 0.7)}
        return {**recalls, 'mean_iou': mean(results)}


def show_moment(sample: dict, classes: Sequence[str] | None) -> Shown:
    """The phrase over the film strip; a bar above the strip is the right moment, one below it the predicted."""
    predicted, right = sample['pred_moment'], sample['moment']

    def draw(axes: Any, width: int, height: int) -> None:
        for moment, row, colour in ((right, 1, 'green'), (predicted, height - 2, 'red')):
            if moment is not None:
                axes.plot([moment[0] * width, moment[1] * width], [row, row], color=colour, linewidth=3)

    return Shown(sample['phrase'], right=moment_iou(predicted, right) >= 0.5, draw=draw)


register_view('pred_moment', show_moment)
