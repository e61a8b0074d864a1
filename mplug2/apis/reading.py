"""From what a caller gives to what a model takes, in a worker: a thread or another process, which has no model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..datasets.io.bad_samples import BadSampleError
from .inputs import Media, as_media
from .pipeline import InputPipeline
from .results import Result

# What a bad input raises; anything else is a fault of the program and ends the run.
BAD_INPUT = (BadSampleError, OSError, ValueError, TypeError)


class Request(NamedTuple):
    """number: place among the inputs. value: an image, clip or text. prompt: the text that goes with it, or None."""

    number: int
    value: Any
    prompt: str | None


class Ready(NamedTuple):
    """An input that was read. result: to be filled. task: name of the model's. packed, size: see `Prepared`."""

    result: Result
    task: str
    packed: dict[str, Any]
    size: tuple[int, int] | None


class Failed(NamedTuple):
    """An input that could not be read, and why."""

    result: Result
    error: Exception


@dataclass(frozen=True)
class Asked:
    """What a method asks of all of its inputs.

    Attributes:
        tasks: names of the model's tasks that answer, each with the kinds of inputs that it takes. fields: the record's name of
            the prompt, if there is one; where inputs are texts, that of the text before it. text_steps: whether the task's text
            goes in. text_media: set where inputs are texts: what they are about. start, end: seconds, of clips without their
            own.
    """

    tasks: dict[str, frozenset[str]] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    text_steps: bool = True
    text_media: str | None = None
    start: float | None = None
    end: float | None = None

    def task_for(self, kind: str) -> str:
        """The task for a kind of media, or, where only another kind is read, for that."""
        return next((name for name, inputs in self.tasks.items() if kind in inputs), next(iter(self.tasks)))


class ImagePipeline(Protocol):
    """How a detector's images are made."""

    def prepare(self, media: Media) -> dict[str, Any]: ...


def read_request(pipeline: InputPipeline, asked: Asked, request: Request) -> Ready | Failed:
    """Read one input of an `MPlug2`."""
    result = Result(_name(request.value, request.number), request.prompt)
    try:
        media = None
        if asked.text_media is None:
            media = _media(request, result, asked.start, asked.end)
            task = asked.task_for(pipeline.kind_for(media.kind))
            fields = dict(zip(asked.fields, (request.prompt,), strict=False))
        else:
            task = asked.task_for(asked.text_media)
            fields = dict(zip(asked.fields, (request.value, request.prompt), strict=False)) | {'media': asked.text_media}
        return Ready(result, task, *pipeline(task, media, fields, asked.text_steps))
    except BAD_INPUT as error:
        return _failed(result, error)


def read_image_request(pipeline: ImagePipeline, request: Request) -> Ready | Failed:
    """Read one input of a detector."""
    result = Result(_name(request.value, request.number))
    try:
        return Ready(result, '', pipeline.prepare(_media(request, result)), None)
    except BAD_INPUT as error:
        return _failed(result, error)


def _media(request: Request, result: Result, start: float | None = None, end: float | None = None) -> Media:
    media = as_media(request.value, start, end, request.number)
    result.source, result.times = media.source, media.times
    media.fetch()
    return media


def _failed(result: Result, error: Exception) -> Failed:
    result.error = str(error) or type(error).__name__
    return Failed(result, error)


def _name(value: Any, number: int) -> str:
    return str(value) if isinstance(value, (str, Path)) else f'{type(value).__name__} {number}'
