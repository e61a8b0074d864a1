"""Working on one part with a model, and what keeps the results of a batch one whole."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..utils.files import sweep_temporary, write_text
from .parts import Part, samples_of
from .results import FORMATS

NOTES = 'batch.json'  # beside the results: what they are made of


class Report(NamedTuple):
    """part: its name. samples: rows that were written. bad: how many of them have an error."""

    part: str
    samples: int
    bad: int


@dataclass(frozen=True)
class Job:
    """What is done with each part; plain data, which goes to other processes and machines.

    Args:
        out: folder of the results, which all workers see. model: arguments of `Inferencer`. method: of it. texts: prompts that
            go with every sample. options: of the method. format: a key of `FORMATS`.
    """

    out: str
    model: dict[str, Any]
    method: str
    texts: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    format: str = 'parquet'

    def path(self, part: Part) -> Path:
        return Path(self.out) / f'{part.name}{FORMATS[self.format][0]}'

    def start(self) -> Worker:
        """Load the model, in the process that works."""
        from ..apis import Inferencer

        return Worker(self, Inferencer(**self.model))


class Worker:
    """A model that works on parts, one at a time.

    Args:
        inferencer: an `Inferencer`, or what has its methods.
    """

    def __init__(self, job: Job, inferencer: Any) -> None:
        self.job, self.inferencer = job, inferencer

    def __call__(self, part: Part) -> Report:
        """Compute a part and write its file, which appears when it is complete. A bad sample is a row with ``error``."""
        counts = [0, 0]

        def rows() -> Iterator[tuple[str, dict[str, Any]]]:
            for key, content in self._results(part):
                counts[0] += 1
                counts[1] += 'error' in content
                yield key, content

        FORMATS[self.job.format][1](self.job.path(part), rows())
        return Report(part.name, *counts)

    def _results(self, part: Part) -> Iterator[tuple[str, dict[str, Any]]]:
        waiting: deque = deque()  # samples that were handed to the model, or are bad, in order

        def readable() -> Iterator[bytes | str]:
            for sample in samples_of(part, self.job.out):
                waiting.append(sample)
                if not sample.error:
                    yield sample.content

        def bad() -> Iterator[tuple[str, dict[str, Any]]]:
            while waiting and waiting[0].error:
                sample = waiting.popleft()
                yield sample.key, {'error': sample.error}

        for result in getattr(self.inferencer, self.job.method)(readable(), *self.job.texts, **self.job.options):
            yield from bad()
            sample = waiting.popleft()
            yield sample.key, result.to_dict()
        yield from bad()


def prepare(job: Job, parts: list[Part]) -> list[Part]:
    """Make the folder of the results and say which parts are still to be done.

    Raises:
        ValueError: the folder holds results of other inputs or settings, which would get mixed.
    """
    out = Path(job.out)
    out.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name, value in asdict(job).items() if name != 'out'}
    notes = json.loads(json.dumps({'job': settings, 'parts': [[part.name, part.shard, part.files] for part in parts]}))
    path = out / NOTES
    if path.is_file():
        before = json.loads(path.read_text())
        other = [name for name, value in notes['job'].items() if before['job'].get(name) != value]
        other += ['inputs'] * (before['parts'] != notes['parts'])
        if other:
            raise ValueError(f'{out} holds a batch with other {", ".join(other)}: take another folder, or those of {path}')
    else:
        write_text(path, json.dumps(notes))
    sweep_temporary(out)
    return [part for part in parts if not job.path(part).is_file()]
