"""How `Inferencer` runs its methods: requests are read by workers, grouped into forward passes, and answered in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch

from ..datasets.collate import multimodal_collate
from ..model import MPlug2
from ..modules.packing import pack, worth_packing
from ..networks import Features
from ..registry import TASKS
from ..structures import Batch
from ..tasks import Task
from ..utils.precision import DTYPES
from ..utils.processor import computes_bf16
from .drawing import Drawing
from .inputs import Media, as_media, pair_up, segments
from .pipeline import InputPipeline
from .reading import Asked, Failed, Ready, Request, read_image_request, read_request
from .results import Result
from .sources import load_model
from .stream import prepared_batches

METHODS = (
    *('caption', 'answer', 'match', 'embed', 'search', 'ground', 'classify'),
    *('classify_text', 'answer_text', 'summarize'),
)
DETECTION = ('detect', 'segment')  # methods of a detector, which has no others
DEFAULT_MODEL, DEFAULT_DETECTOR = 'mplug2_tiny_multitask', 'mplug2_tiny_detection'  # shipped
Predict = Callable[[Any, Features, Batch], list[dict[str, Any]]]  # of a task that has the method


def default_model(method: str) -> str:
    """The shipped model that has a method."""
    return DEFAULT_DETECTOR if method in DETECTION else DEFAULT_MODEL


class Execution:
    """The loaded model and the running of its methods; the arguments are those of `Inferencer`."""

    def __init__(
        self,
        model: str | Path | MPlug2 | None = None,
        config: str | Path | None = None,
        device: str = 'auto',
        dtype: str = 'auto',
        workers: int = 4,
        processes: bool = False,
        **published: Any,
    ) -> None:
        if dtype not in ('auto', 'int8', *DTYPES):
            raise ValueError(f"dtype is 'auto', 'int8' or one of {', '.join(DTYPES)}, not {dtype!r}")
        self.device = torch.device(('cuda' if torch.cuda.is_available() else 'cpu') if device == 'auto' else device)
        if dtype == 'int8' and self.device.type != 'cpu':
            raise ValueError(f"dtype='int8' is for the CPU, not {self.device}: take 'bfloat16'")
        if dtype == 'auto':
            dtype = 'bfloat16' if computes_bf16(self.device.type) else 'float32'
        self.dtype = torch.float32 if dtype == 'int8' else getattr(torch, dtype)
        self.workers, self.processes = workers, processes
        model = DEFAULT_MODEL if model is None else model
        self.name = _name_of(model)
        loaded = load_model(model, config, **published)
        self.detector = None if isinstance(loaded, MPlug2) else loaded
        self.model = (loaded if isinstance(loaded, MPlug2) else loaded.model).to(self.device)
        if self.detector is None:
            decoder = getattr(self.model.network, 'decoder', None) if self.device.type == 'cpu' else None
            if decoder is not None and (dtype == 'int8' or worth_packing(decoder)):
                pack(decoder, 'int8' if dtype == 'int8' else 'packed')
            inputs = {name: task.spec.inputs for name, task in self.tasks.items()}
            self.pipeline = InputPipeline(self.model.preprocessing, inputs, self.model.tokenizers.get('text'))

    @property
    def tasks(self) -> dict[str, Task]:
        """The model's, by name; a detector has none."""
        return {} if self.detector is not None else cast('dict[str, Task]', dict(self.model.tasks.items()))

    @property
    def methods(self) -> list[str]:
        """Names of the methods that the model can do."""
        if self.detector is not None:
            return list(DETECTION)
        able = [name for name in METHODS if self._tasks(name)]
        if 'embed' in able and 'classify' not in able:
            able.append('classify')
        return able

    def embedded_as(self, media: Media) -> str:
        """'image' or 'video': what texts are embedded for that are compared with this."""
        kind = self.pipeline.kind_for(media.kind)
        return self.pipeline.asked_as(self._asked('embed').task_for(kind), kind)

    def _tasks(self, method: str) -> dict[str, Task]:
        return {name: task for name, task in self.tasks.items() if method in task.methods}

    def _asked(self, method: str, **settings: Any) -> Asked:
        return Asked({name: task.spec.inputs for name, task in self._tasks(method).items()}, **settings)

    def _run(
        self,
        method: str,
        inputs: Any,
        fields: tuple[str, ...],
        prompts: Any,
        predict: Predict,
        *,
        start: float | None = None,
        end: float | None = None,
        segment: float | None = None,
        batch_size: int = 8,
        progress: bool = False,
        out_dir: str | Path | None = None,
        show: bool = False,
        text_steps: bool = True,
        text_media: str | None = None,
    ) -> Result | Iterator[Result]:
        """Run a method on inputs and the prompts that go with them.

        Args:
            fields: the record's name of the prompt, if there is one; where inputs are texts, that of the text before it.
            text_steps: whether the task's text goes in. text_media: set where inputs are texts: what they are about.

        Raises:
            ValueError: the model has no task for it, or texts are to be drawn.
        """
        if not self._tasks(method):
            serving = sorted({kind.__name__ for kind in TASKS.module_dict.values() if method in kind.methods})
            lacking = 'it is a detector' if self.detector else f'it has no task {" or ".join(serving)}'
            raise ValueError(f'the model cannot {method} ({lacking}); it can {", ".join(self.methods)}')
        if text_media is not None and (out_dir is not None or show):
            raise ValueError(f'{method} of texts has nothing to draw: leave out_dir and show away')
        many, total, pairs = pair_up(inputs, prompts, are_texts=text_media is not None)
        if segment is not None:
            many, total, pairs = True, None, _in_segments(pairs, segment, start, end)
        requests = (Request(number, value, prompt) for number, (value, prompt) in enumerate(pairs))
        asked = self._asked(method, fields=fields, text_steps=text_steps, text_media=text_media, start=start, end=end)
        read, forward = partial(read_request, self.pipeline, asked), partial(self._forward, predict)
        results = self._results(self._read_ahead(requests, read, batch_size, many), forward)
        return self._deliver(results, many, total, method if progress else None, Drawing.wanted(out_dir, show, start, end))

    def _detect(
        self,
        method: str,
        inputs: Any,
        threshold: float,
        *,
        batch_size: int = 8,
        progress: bool = False,
        out_dir: str | Path | None = None,
        show: bool = False,
    ) -> Result | Iterator[Result]:
        detector = self.detector
        if detector is None:
            able = f'it can {", ".join(self.methods)}; {DEFAULT_DETECTOR!r} can {method}'
            raise ValueError(f'the model cannot {method} (it is no detector); {able}')
        many, total, pairs = pair_up(inputs)
        requests = (Request(number, value, None) for number, (value, _) in enumerate(pairs))

        def forward(task: str, members: list[Ready]) -> list[dict[str, Any]]:
            return detector.predict([ready.packed for ready in members], threshold, method == 'segment')

        read = partial(read_image_request, detector.pipeline)
        results = self._results(self._read_ahead(requests, read, batch_size, many), forward)
        return self._deliver(results, many, total, method if progress else None, Drawing.wanted(out_dir, show))

    def _read_ahead(
        self, requests: Iterator[Request], read: Callable[[Request], Ready | Failed], batch_size: int, many: bool
    ) -> Iterator[list[tuple[Request, Ready | Failed]]]:
        return prepared_batches(requests, read, batch_size, self.workers, self.processes and many)

    def _deliver(
        self,
        outcomes: Iterator[tuple[Request, Ready | Failed]],
        many: bool,
        total: int | None,
        bar: str | None,
        drawing: Drawing | None,
    ) -> Result | Iterator[Result]:
        """One result, or an iterator of several under a progress bar of that name."""
        if drawing is not None:
            outcomes = map(drawing.draw, outcomes)
        if not many:
            ((_, outcome),) = outcomes
            if isinstance(outcome, Failed):
                raise outcome.error
            return outcome.result
        if bar is not None:
            from tqdm import tqdm

            outcomes = tqdm(outcomes, total=total, desc=bar, unit='input')
        return (outcome.result for _, outcome in outcomes)

    def _results(
        self,
        batches: Iterator[list[tuple[Request, Ready | Failed]]],
        forward: Callable[[str, list[Ready]], list[dict[str, Any]]],
    ) -> Iterator[tuple[Request, Ready | Failed]]:
        """Requests in order, with their results filled."""
        for batch in batches:
            groups: dict[tuple, list[Ready]] = {}  # what one forward pass takes
            for _, ready in batch:
                if isinstance(ready, Ready):
                    inputs = ready.packed['inputs']
                    frames = inputs.get('frames') if isinstance(inputs, dict) else None  # a detector pads images itself
                    groups.setdefault((ready.task, None if frames is None else frames.shape), []).append(ready)
            for (task, _), members in groups.items():
                for ready, values in zip(members, forward(task, members), strict=True):
                    _set(ready, values)
            yield from batch

    @torch.inference_mode()
    def _forward(self, predict: Predict, task: str, members: list[Ready]) -> list[dict[str, Any]]:
        data = multimodal_collate([ready.packed for ready in members])
        cast = nullcontext() if self.dtype is torch.float32 else torch.autocast(self.device.type, self.dtype)
        with cast:
            batch = self.model.data_preprocessor(data)['inputs']
            return predict(self.tasks[task], Features(self.model.network, batch), batch)


def _set(ready: Ready, values: dict[str, Any]) -> None:
    """Fill a result; a box in shares of the input becomes one in pixels."""
    if 'box' in values:
        box = values.pop('box')
        assert ready.size is not None  # a text has no boxes
        height, width = ready.size
        ready.result.boxes = [] if box is None else [(box[0] * width, box[1] * height, box[2] * width, box[3] * height)]
    for name, value in values.items():
        setattr(ready.result, name, value)


def _in_segments(
    pairs: Iterator[tuple[Any, Any]], seconds: float, start: float | None, end: float | None
) -> Iterator[tuple[Any, Any]]:
    """The parts of each input, with its prompt."""
    for number, (value, prompt) in enumerate(pairs):
        for part in segments(as_media(value, start, end, number), seconds):
            yield part, prompt


def _name_of(model: str | Path | MPlug2) -> str | None:
    """By what the model is found again, from any folder; None of a built one."""
    if not isinstance(model, (str, Path)):
        return None
    return str(Path(model).absolute()) if Path(model).exists() else str(model)
