"""The door for callers: a model by name, files in, results out."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..datasets.collate import multimodal_collate, pad
from ..datasets.io.bad_samples import BadSampleError
from ..model import MPlug2
from ..modules.generation import Generation, Hypothesis, rank
from ..modules.layers import full_precision
from ..networks.mplug2 import Features
from ..pretrained import shipped_names
from ..structures import Batch
from ..tasks import (
    Captioning,
    Classification,
    Grounding,
    QuestionAnswering,
    Retrieval,
    Summarization,
    Task,
    TextClassification,
    TextQA,
    ZeroShotClassification,
)
from ..tasks.generative import TextGenerator, fused_memory
from ..text.answers import tidy_answer
from .inputs import as_media, pair_up
from .pipeline import InputPipeline
from .results import Candidate, Result
from .sources import load_model
from .stream import prepared_batches

# What each method asks of the model.
METHODS: dict[str, tuple[type[Task], ...]] = {
    'caption': (Captioning,),
    'answer': (QuestionAnswering,),
    'match': (Retrieval,),
    'embed': (Retrieval,),
    'search': (Retrieval,),
    'ground': (Grounding,),
    'classify': (Classification, ZeroShotClassification),
    'classify_text': (TextClassification,),
    'answer_text': (TextQA,),
    'summarize': (Summarization,),
}
DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
# What a bad input raises; anything else is a fault of the program and ends the run.
BAD_INPUT = (BadSampleError, OSError, ValueError, TypeError)
COMMON = ('start', 'end', 'batch_size', 'progress')
TOP_CLASSES = 5

Predict = Callable[[Task, Features, Batch], list[dict[str, Any]]]


def list_models() -> list[str]:
    """Names of the models that this package brings."""
    return shipped_names()


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


class Inferencer:
    """Captions, answers, embeddings, boxes and classes of images, clips and texts.

    An input is a path, a URL, the bytes of a file, a PIL image, an array or tensor of pixels, or ``dict(media=..., start=...,
    end=...)``, seconds of a clip (`as_media`). One input gives one `Result`; a folder, list or generator gives an iterator of
    them, in order: inputs are decoded ahead by threads, computed in batches, and never all held. Of several, a bad input gives
    a result with ``error`` set; a single bad input raises its error.

    Common keywords of the methods: ``start``, ``end``: seconds, of every clip that does not have its own. ``batch_size``:
    inputs computed together. ``progress``: show a progress bar.

    Args:
        model: a model, or what `load_model` takes: a shipped name (`list_models`), a model folder, a work directory, a
            checkpoint, a published file. config: of weights that lie without theirs. device: 'auto' is the GPU if there is one.
        dtype: 'float32', 'bfloat16', 'float16'; 'auto' is bfloat16 on a GPU that has it, else float32. workers: threads that
            decode. published: arguments of `load_release`.
    """

    def __init__(
        self,
        model: str | Path | MPlug2,
        config: str | Path | None = None,
        device: str = 'auto',
        dtype: str = 'auto',
        workers: int = 4,
        **published: Any,
    ) -> None:
        if dtype != 'auto' and dtype not in DTYPES:
            raise ValueError(f"dtype is 'auto' or one of {', '.join(DTYPES)}, not {dtype!r}")
        self.device = torch.device(('cuda' if torch.cuda.is_available() else 'cpu') if device == 'auto' else device)
        if dtype == 'auto':
            dtype = 'bfloat16' if self.device.type == 'cuda' and torch.cuda.is_bf16_supported() else 'float32'
        self.dtype, self.workers = DTYPES[dtype], workers
        self.model = load_model(model, config, **published).to(self.device)
        self.pipeline = InputPipeline(self.model.preprocessing, self.model.tasks, self.model.tokenizer)

    @property
    def methods(self) -> list[str]:
        """Names of the methods that the model can do."""
        tasks = list(self.model.tasks.values())
        able = [name for name, kinds in METHODS.items() if any(isinstance(task, kinds) for task in tasks)]
        return able if 'classify' in able or 'embed' not in able else [*able, 'classify']

    # Images and clips

    def caption(self, inputs: Any, *, n_best: int = 1, **options: Any) -> Result | Iterator[Result]:
        """Describe images and clips.

        Args:
            n_best: how many captions to give in ``candidates``. options: the common keywords, and settings of `Generation`
                (``num_beams``, ``max_length``, ``temperature``, ...); the model's own where they are not given.
        """
        run, settings = _split_options(options)

        def predict(task: Captioning, features: Features, batch: Batch) -> list[dict[str, Any]]:
            generator = _generator(task, settings, n_best)
            return _texts(generator, generator.hypotheses(features, task.memory(features)))

        return self._run('caption', inputs, None, None, predict, **run)

    def answer(
        self,
        inputs: Any,
        question: str | Iterable[str],
        *,
        choices: Sequence[str] | None = None,
        n_best: int = 1,
        **options: Any,
    ) -> Result | Iterator[Result]:
        """Answer questions about images and clips.

        Args:
            question: one for all inputs, one for each, or several about one input. choices: answers to rank, in place of
                writing one; scores are then probabilities among them. n_best, options: as of `caption`.
        """
        run, settings = _split_options(options)
        if choices is not None and (settings or not choices):
            raise ValueError('choices are ranked, not generated: give at least one, and no generation settings')

        def predict(task: QuestionAnswering, features: Features, batch: Batch) -> list[dict[str, Any]]:
            memory = fused_memory(features.fused())
            answers = task.answers if choices is None else list(choices)
            if answers is None:
                generator = _generator(task, settings, n_best)
                return _texts(generator, generator.hypotheses(features, memory), tidy_answer)
            ids, mask = _candidates(task.generator.tokenizer, answers, memory.tokens.device)
            index, probability = rank(features.network.decoder, memory, ids, mask, max(task.top_k, n_best))
            rows = zip(index[:, :n_best].tolist(), probability[:, :n_best].tolist(), strict=True)
            return [_best([Candidate(answers[place], chance) for place, chance in zip(*row, strict=True)]) for row in rows]

        return self._run('answer', inputs, 'question', question, predict, **run)

    def match(self, inputs: Any, text: str | Iterable[str], **options: Any) -> Result | Iterator[Result]:
        """Say whether texts belong to images and clips: ``score``, a probability, and ``similarity``."""

        def predict(task: Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            samples = task.predict(features, batch)
            return [dict(score=sample.pred_match, similarity=sample.pred_similarity) for sample in samples]

        return self._run('match', inputs, 'caption', text, predict, **options)

    def embed(self, inputs: Any, **options: Any) -> Result | Iterator[Result]:
        """Embed images and clips: ``embedding``, to be compared with those of `embed_text` by their dot product."""

        def predict(task: Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            return [dict(embedding=row) for row in task.embed_vision(features.vision()).cpu().numpy()]

        return self._run('embed', inputs, None, None, predict, text_steps=False, **options)

    def embed_text(self, texts: str | Iterable[str], media: str = 'video', **options: Any) -> Result | Iterator[Result]:
        """Embed texts.

        Args:
            media: what they are to be compared with, 'image' or 'video'; the instruction before them says so.
        """

        def predict(task: Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            return [dict(embedding=row) for row in task.embed_text(features.text()).cpu().numpy()]

        return self._run('embed', texts, 'caption', None, predict, text_media=media, **options)

    def search(self, inputs: Any, text: str, *, top_k: int = 10, **options: Any) -> list[Result]:
        """Find the images and clips that a text describes, among the given ones.

        Args:
            top_k: how many are returned, best first; ``similarity`` says how near they are. Inputs that cannot be read come
                after them.
        """
        queries = {kind: torch.from_numpy(self.embed_text(text, kind).embedding) for kind in ('image', 'video')}

        def predict(task: Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            query = queries[batch.samples[0].media]
            return [dict(similarity=value) for value in (task.embed_vision(features.vision()).cpu() @ query).tolist()]

        results = self._run('search', inputs, 'caption', text, predict, text_steps=False, **options)
        ranked: list[Result] = []
        failed: list[Result] = []
        for result in [results] if isinstance(results, Result) else results:
            (ranked if result.error is None else failed).append(result)
            if len(ranked) > 2 * top_k:  # bounded, whatever the number of inputs
                ranked = sorted(ranked, key=lambda found: -found.similarity)[:top_k]
        return sorted(ranked, key=lambda found: -found.similarity)[:top_k] + failed

    def ground(self, inputs: Any, phrase: str | Iterable[str], **options: Any) -> Result | Iterator[Result]:
        """Find what phrases refer to in images: ``boxes``, one or none, with its ``score``."""

        def predict(task: Grounding, features: Features, batch: Batch) -> list[dict[str, Any]]:
            samples = task.predict(features, batch)
            return [dict(box=sample.pred_box, score=sample.pred_score) for sample in samples]

        return self._run('ground', inputs, 'phrase', phrase, predict, **options)

    def classify(
        self,
        inputs: Any,
        *,
        class_names: Sequence[str] | None = None,
        templates: Sequence[str] = ('{}',),
        **options: Any,
    ) -> Result | Iterator[Result]:
        """Classify images and clips: ``text`` is the class, ``candidates`` the likeliest five.

        Args:
            class_names: classes to choose from by what the model learned of texts (zero-shot); if None, those that it was
                trained on. templates: texts about a class, with ``{}`` where its name goes; they are averaged.
        """
        if class_names is None and 'classify' in self.methods and not self._tasks('classify'):
            raise ValueError('the model has no classes of its own: give class_names=[...], of which it picks by their texts')
        if class_names is None:
            return self._run('classify', inputs, None, None, self._predict_classes, **options)
        if not class_names:
            raise ValueError('class_names is empty: give the names of the classes to choose from')
        names, classes = list(class_names), {}

        def predict(task: Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            kind = batch.samples[0].media
            if kind not in classes:
                classes[kind] = self._embed_classes(names, templates, kind)
            scores = task.head.logits(task.embed_vision(features.vision()), classes[kind]).softmax(1)
            return _classes(scores, names)

        return self._run('embed', inputs, None, None, predict, text_steps=False, **options)

    def _embed_classes(self, names: list[str], templates: Sequence[str], kind: str) -> Tensor:
        """Unit vectors of the classes, (K, E)."""
        texts = [template.format(name) for name in names for template in templates]
        rows = torch.stack([torch.from_numpy(result.embedding) for result in self.embed_text(texts, kind, batch_size=64)])
        with full_precision(rows):
            return F.normalize(rows.unflatten(0, (len(names), -1)).mean(1), dim=-1).to(self.device)

    def _predict_classes(self, task: Task, features: Features, batch: Batch) -> list[dict[str, Any]]:
        samples = task.predict(features, batch)
        scores = torch.stack([sample.pred_score for sample in samples])
        names = getattr(task, 'names', None) or self._names(task)
        return _classes(scores, names or list(map(str, range(scores.shape[1]))))

    def _names(self, task: Task) -> list[str] | None:
        return next((self.model.class_names.get(name) for name, other in self.model.tasks.items() if other is task), None)

    # Texts

    def classify_text(
        self, text: str | Iterable[str], other: str | Iterable[str] | None = None, **options: Any
    ) -> Result | Iterator[Result]:
        """Classify texts, or pairs of texts."""

        def predict(task: TextClassification, features: Features, batch: Batch) -> list[dict[str, Any]]:
            names = self._names(task)
            samples = task.predict(features, batch)
            labels = [(sample.pred_label, sample.pred_score) for sample in samples]
            return [dict(text=names[label] if names else str(label), score=score) for label, score in labels]

        return self._run('classify_text', text, ('sentence1', 'sentence2'), other, predict, text_media='text', **options)

    def answer_text(
        self, text: str | Iterable[str], question: str | Iterable[str], **options: Any
    ) -> Result | Iterator[Result]:
        """Answer questions by words of texts; '' says that a text does not answer."""

        def predict(task: TextQA, features: Features, batch: Batch) -> list[dict[str, Any]]:
            return [dict(text=sample.pred_answer) for sample in task.predict(features, batch)]

        return self._run('answer_text', text, ('context', 'question'), question, predict, text_media='text', **options)

    def summarize(self, text: str | Iterable[str], *, n_best: int = 1, **options: Any) -> Result | Iterator[Result]:
        """Summarise texts. Arguments are those of `caption`."""
        run, settings = _split_options(options)

        def predict(task: Summarization, features: Features, batch: Batch) -> list[dict[str, Any]]:
            generator = _generator(task, settings, n_best)
            return _texts(generator, generator.hypotheses(features, features.text().as_memory()))

        return self._run('summarize', text, 'document', None, predict, text_media='text', **run)

    # How they run

    def _tasks(self, method: str) -> dict[str, Task]:
        return {name: task for name, task in self.model.tasks.items() if isinstance(task, METHODS[method])}

    def _task_for(self, method: str, kind: str) -> str:
        """The task of a method for a kind of media, or, where only another kind is read, for that."""
        tasks = self._tasks(method)
        return next((name for name, task in tasks.items() if kind in task.spec.inputs), next(iter(tasks)))

    def _run(
        self,
        method: str,
        inputs: Any,
        field: str | tuple[str, str] | None,
        prompts: Any,
        predict: Predict,
        *,
        start: float | None = None,
        end: float | None = None,
        batch_size: int = 8,
        progress: bool = False,
        text_steps: bool = True,
        text_media: str | None = None,
    ) -> Result | Iterator[Result]:
        """Run a method on inputs and the prompts that go with them.

        Args:
            field: the record's name of the prompt; where inputs are texts, that of the text, or of it and the prompt.
            text_steps: whether the task's text goes in. text_media: set where inputs are texts: what they are about.
        """
        if not self._tasks(method):
            wanted = ' or '.join(kind.__name__ for kind in METHODS[method])
            raise ValueError(f'the model cannot {method} (it has no task {wanted}); it can {", ".join(self.methods)}')
        many, total, pairs = pair_up(inputs, prompts, are_texts=text_media is not None)
        requests = (Request(number, value, prompt) for number, (value, prompt) in enumerate(pairs))
        prepare = partial(self._prepare, method, field, text_steps, text_media, start, end)
        results = self._results(prepared_batches(requests, prepare, batch_size, self.workers), predict)
        if not many:
            ((result, error),) = results
            if error is not None:
                raise error
            return result
        if progress:
            from tqdm import tqdm

            results = tqdm(results, total=total, desc=method, unit='input')
        return (result for result, _ in results)

    def _prepare(
        self,
        method: str,
        field: str | tuple[str, str] | None,
        text_steps: bool,
        text_media: str | None,
        start: float | None,
        end: float | None,
        request: Request,
    ) -> Ready | Failed:
        """Read one input; in a worker thread."""
        result = Result(_name(request.value, request.number), request.prompt)
        try:
            if text_media is None:
                media = as_media(request.value, start, end, request.number)
                result.source, result.times = media.source, media.times
                media.fetch()
                task = self._task_for(method, self.pipeline.kind_for(media.kind))
                fields = {} if field is None else {field: request.prompt}
            else:
                media, task = None, self._task_for(method, text_media)
                texts = (request.value, request.prompt)
                fields = dict(zip((field,) if isinstance(field, str) else field, texts, strict=False)) | {'media': text_media}
            return Ready(result, task, *self.pipeline(task, media, fields, text_steps))
        except BAD_INPUT as error:
            result.error = str(error) or type(error).__name__
            return Failed(result, error)

    def _results(
        self, batches: Iterator[list[tuple[Request, Ready | Failed]]], predict: Predict
    ) -> Iterator[tuple[Result, Exception | None]]:
        """Results in order, and the errors of the failed ones."""
        for batch in batches:
            groups: dict[tuple, list[Ready]] = {}  # what one forward pass takes
            for _, ready in batch:
                if isinstance(ready, Ready):
                    frames = ready.packed['inputs'].get('frames')
                    groups.setdefault((ready.task, None if frames is None else frames.shape), []).append(ready)
            for (task, _), members in groups.items():
                for ready, values in zip(members, self._forward(task, members, predict), strict=True):
                    _set(ready, values)
            for _, ready in batch:
                yield ready.result, ready.error if isinstance(ready, Failed) else None

    @torch.inference_mode()
    def _forward(self, task: str, members: list[Ready], predict: Predict) -> list[dict[str, Any]]:
        data = multimodal_collate([ready.packed for ready in members])
        cast = nullcontext() if self.dtype is torch.float32 else torch.autocast(self.device.type, self.dtype)
        with cast:
            batch = self.model.data_preprocessor(data)['inputs']
            return predict(self.model.tasks[task], Features(self.model.network, batch), batch)


def _set(ready: Ready, values: dict[str, Any]) -> None:
    """Fill a result; a box in shares of the input becomes one in pixels."""
    if 'box' in values:
        box = values.pop('box')
        height, width = ready.size
        ready.result.boxes = [] if box is None else [(box[0] * width, box[1] * height, box[2] * width, box[3] * height)]
    for name, value in values.items():
        setattr(ready.result, name, value)


def _name(value: Any, number: int) -> str:
    return str(value) if isinstance(value, (str, Path)) else f'{type(value).__name__} {number}'


def _split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The common keywords, and settings of `Generation`.

    Raises:
        TypeError: a keyword that is neither.
    """
    run = {key: value for key, value in options.items() if key in COMMON}
    settings = {key: value for key, value in options.items() if key not in COMMON}
    known = [entry.name for entry in dataclasses.fields(Generation) if entry.name != 'num_return']
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise TypeError(f'no keyword {", ".join(unknown)}; there are {", ".join((*COMMON, *known))}')
    return run, settings


def _generator(task: Task, settings: Mapping[str, Any], n_best: int) -> TextGenerator:
    """The task's own, with other settings."""
    generator = copy.copy(task.generator)
    how = dataclasses.replace(generator.how, num_return=n_best, **settings)
    if how.temperature is None and how.num_beams < n_best:
        how = dataclasses.replace(how, num_beams=n_best)
    generator.how = how
    return generator


def _texts(
    generator: TextGenerator, hypotheses: list[list[Hypothesis]], tidy: Callable[[str], str] = str
) -> list[dict[str, Any]]:
    return [_best([Candidate(tidy(generator.text(one)), one.score) for one in sample]) for sample in hypotheses]


def _best(candidates: list[Candidate]) -> dict[str, Any]:
    return dict(text=candidates[0].text, score=candidates[0].score, candidates=candidates if len(candidates) > 1 else [])


def _classes(scores: Tensor, names: Sequence[str]) -> list[dict[str, Any]]:
    """The likeliest classes of each row (B, K)."""
    top = scores.float().topk(min(TOP_CLASSES, scores.shape[1]), 1)
    rows = zip(top.indices.tolist(), top.values.tolist(), strict=True)
    return [_best([Candidate(names[place], score) for place, score in zip(*row, strict=True)]) for row in rows]


def _candidates(tokenizer: Any, answers: Sequence[str], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids (A, L) of answers and their mask."""
    ids, mask = pad([tokenizer.encode_target(answer)[0] for answer in answers], value=tokenizer.pad_id)
    return ids.to(device), mask.to(device)
