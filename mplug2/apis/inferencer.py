"""The door for callers: a model by name, files in, results out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..modules.generation import rank
from ..networks import Features
from ..pretrained import zoo
from ..structures import Batch
from ..tasks import (
    Captioning,
    GenerativeTask,
    Grounding,
    QuestionAnswering,
    Retrieval,
    Summarization,
    Task,
    TextClassification,
    TextQA,
)
from ..text.answers import tidy_answer
from .attention import Question, check, explain
from .execution import Execution
from .inputs import as_media
from .readout import best_of, embedding_of, encode_answers, generator_of, read_classes, read_texts, results_of, split_options
from .results import Candidate, Result, SeenFrames

EXPLAINED = {'match': 'caption', 'answer': 'question', 'ground': 'phrase', 'caption': 'caption'}  # method -> field of its text


def list_models() -> list[str]:
    """Names of the models that an `Inferencer` finds by name; `mplug2.pretrained.zoo` says more of them."""
    return [model['name'] for model in zoo()]


class Inferencer(Execution):
    """Captions, answers, embeddings, boxes and classes of images, clips and texts.

    An input is a path, a URL, the bytes of a file, a PIL image, an array or tensor of pixels, or ``dict(media=..., start=...,
    end=...)``, seconds of a clip (`as_media`). One input gives one `Result`; a folder, list or generator gives an iterator of
    them, in order: inputs are decoded ahead by workers, computed in batches, and never all held. Of several, a bad input gives
    a result with ``error`` set; a single bad input raises its error.

    Common keywords of the methods: ``start``, ``end``: seconds, of every clip that does not have its own. ``segment``: cut
    clips into parts of about so many seconds, each with a result of its own. ``batch_size``: inputs computed together.
    ``progress``: show a progress bar. ``out_dir``: a folder for a drawing of each image or clip with its result. ``show``:
    open the drawings.

    Args:
        model: a model, or what `load_model` takes: a shipped name (`list_models`), a model folder, a work directory, a
            checkpoint, a published file. If None, the shipped one that has all methods but detection, on the mini benchmark.
        config: of weights that are stored without theirs. device: 'auto' is the GPU if there is one.
        dtype: 'float32', 'bfloat16', 'float16'; 'auto' is bfloat16 where the device computes it natively, else float32. 'int8',
            on the CPU: float32, with the decoder's weights rounded to 8 bits. workers: how many threads decode, of several
            inputs. processes: decode in processes, which take seconds to start and do not wait for each other's Python code:
            for thousands of clips on many cores. A script then needs the usual
            ``if __name__ == '__main__':``. published: arguments of `load_release`.
    """

    # Images and clips

    def caption(self, inputs: Any, *, n_best: int = 1, **options: Any) -> Result | Iterator[Result]:
        """Describe images and clips.

        Args:
            n_best: how many captions to give in ``candidates``. options: the common keywords, and settings of `Generation`
                (``num_beams``, ``max_length``, ``temperature``, ...); the model's own where they are not given.
        """
        run, settings = split_options(options)

        def predict(task: Captioning, features: Features, batch: Batch) -> list[dict[str, Any]]:
            generator = generator_of(task, settings, n_best)
            return read_texts(generator, generator.hypotheses(features, task.memory(features)))

        return self._run('caption', inputs, (), None, predict, **run)

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
        run, settings = split_options(options)
        if choices is not None and (settings or not choices):
            raise ValueError('choices are ranked, not generated: give at least one, and no generation settings')

        def predict(task: QuestionAnswering, features: Features, batch: Batch) -> list[dict[str, Any]]:
            memory = features.memory('fused')
            answers = task.answers if choices is None else list(choices)
            if answers is None:
                generator = generator_of(task, settings, n_best)
                return read_texts(generator, generator.hypotheses(features, memory), tidy_answer)
            ids, mask = encode_answers(task.generator.tokenizer, answers, memory.tokens.device)
            index, probability = rank(features.network.decoder, memory, ids, mask, max(task.top_k, n_best))
            rows = zip(index[:, :n_best].tolist(), probability[:, :n_best].tolist(), strict=True)
            return [best_of([Candidate(answers[place], chance) for place, chance in zip(*row, strict=True)]) for row in rows]

        return self._run('answer', inputs, ('question',), question, predict, **run)

    def match(self, inputs: Any, text: str | Iterable[str], **options: Any) -> Result | Iterator[Result]:
        """Say whether texts belong to images and clips: ``similarity``, and ``score``, a probability, where the model has
        learned matching; CLIP and its like have not."""

        def predict(task: Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            samples = task.predict(features, batch)
            return [dict(score=sample.get('pred_match'), similarity=sample.pred_similarity) for sample in samples]

        return self._run('match', inputs, ('caption',), text, predict, **options)

    def embed(self, inputs: Any, **options: Any) -> Result | Iterator[Result]:
        """Embed images and clips: ``embedding``, to be compared with those of `embed_text` by their dot product."""

        def predict(task: Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            return [dict(embedding=row) for row in task.embed_vision(features.vision()).cpu().numpy()]

        return self._run('embed', inputs, (), None, predict, text_steps=False, **options)

    def embed_text(self, texts: str | Iterable[str], media: str = 'video', **options: Any) -> Result | Iterator[Result]:
        """Embed texts.

        Args:
            media: what they are to be compared with, 'image' or 'video'; the instruction before them says so.
        """

        def predict(task: Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            return [dict(embedding=row) for row in task.embed_text(features.text()).cpu().numpy()]

        return self._run('embed', texts, ('caption',), None, predict, text_media=media, **options)

    def search(self, inputs: Any, text: str, *, top_k: int = 10, **options: Any) -> list[Result]:
        """Find the images and clips that a text describes, among the given ones.

        Args:
            top_k: how many are returned, best first; ``similarity`` says how near they are. Inputs that cannot be read come
                after them.
        """
        queries: dict[str, Tensor] = {}

        def predict(task: Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            kind = batch.samples[0].media
            if kind not in queries:
                queries[kind] = self._embed_queries([text], kind)
            cosines = task.compare(features.network, features.vision(), queries[kind])
            return [dict(similarity=value) for (value,) in cosines.tolist()]

        results = self._run('search', inputs, ('caption',), text, predict, text_steps=False, **options)
        ranked: list[Result] = []
        failed: list[Result] = []
        for result in [results] if isinstance(results, Result) else results:
            (ranked if result.error is None else failed).append(result)
            if len(ranked) > 2 * top_k:  # bounded, whatever the number of inputs
                ranked = sorted(ranked, key=_distance)[:top_k]
        return sorted(ranked, key=_distance)[:top_k] + failed

    def ground(self, inputs: Any, phrase: str | Iterable[str], **options: Any) -> Result | Iterator[Result]:
        """Find what phrases refer to in images: ``boxes``, one or none, with its ``score``."""

        def predict(task: Grounding, features: Features, batch: Batch) -> list[dict[str, Any]]:
            samples = task.predict(features, batch)
            return [dict(box=sample.pred_box, score=sample.pred_score) for sample in samples]

        return self._run('ground', inputs, ('phrase',), phrase, predict, **options)

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
            return self._run('classify', inputs, (), None, self._predict_classes, **options)
        if not class_names:
            raise ValueError('class_names is empty: give the names of the classes to choose from')
        names = list(class_names)
        classes: dict[str, Tensor] = {}  # of a kind of media

        def predict(task: Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            kind = batch.samples[0].media
            if kind not in classes:
                texts = [template.format(name) for name in names for template in templates]
                classes[kind] = self._embed_queries(texts, kind).unflatten(0, (len(names), -1)).mean(1)
            scores = task.head.scale(task.compare(features.network, features.vision(), classes[kind]))
            return read_classes(scores.softmax(1), names)

        return self._run('embed', inputs, (), None, predict, text_steps=False, **options)

    def detect(self, inputs: Any, *, threshold: float = 0.3, **options: Any) -> Result | Iterator[Result]:
        """Find objects in images: ``boxes``, their ``labels`` and ``scores``, of at least `threshold`, best first."""
        return self._detect('detect', inputs, threshold, **options)

    def segment(self, inputs: Any, *, threshold: float = 0.3, **options: Any) -> Result | Iterator[Result]:
        """As `detect`, with ``masks``."""
        return self._detect('segment', inputs, threshold, **options)

    # Looking inside

    def frames(self, media: Any, start: float | None = None, end: float | None = None) -> SeenFrames:
        """The frames that the model reads of one image or clip, at their own size, and their times."""
        media = as_media(media, start, end)
        media.fetch()
        return SeenFrames(media.read(1), []) if self.detector else self.pipeline.seen(media)

    def attention(
        self,
        inputs: Any,
        text: str | Iterable[str] | None = None,
        *,
        method: str | None = None,
        part: str | None = None,
        kind: str = 'grad_cam',
        layer: int | None = None,
        **options: Any,
    ) -> Result | Iterator[Result]:
        """Show where the model looks: ``attention``, a map over the frames for each word or query.

        Args:
            text: the caption, question or phrase. Of ``method='caption'``, the caption to explain; None for the model's own.
            method: what is asked, 'match', 'answer', 'ground' or 'caption'; by default 'match' with a text, else 'caption'.
            part: 'fusion': words of the text in the fusion layers. 'decoder': words that the decoder writes. 'queries': learned
                queries of the universal layers. By default 'decoder' for captions, else 'fusion'.
            kind: 'grad_cam': attention times the positive gradient of what the model says, for the decoder of each word's own
                probability; or plain 'attention'.
            layer: of the part, negative ones from its end; None is the first for queries, as in Figure 5, else the middle one.
        """
        method = method or ('caption' if text is None else 'match')
        part = part or ('decoder' if method == 'caption' else 'fusion')
        if method not in EXPLAINED:
            raise ValueError(f'attention is shown of {", ".join(EXPLAINED)}, not of {method!r}')
        if text is None and method != 'caption':
            raise ValueError(f'{method} needs a {EXPLAINED[method]}: give it as text')
        check(part, kind)

        def predict(task: GenerativeTask | Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            name = next(name for name, other in self.tasks.items() if other is task)
            key, out = EXPLAINED[method], getattr(task, 'text', 'text')
            question = Question(
                part=part,
                kind=kind,
                layer=layer,
                texts=[sample.get(key) for sample in batch.samples],
                offset=lambda media: self.pipeline.text_offset(name, media, key, out),
                tokenizer=self.model.tokenizers['text'],
            )
            return [dict(attention=maps) for maps in explain(task, features, batch, question)]

        return self._run(method, inputs, (EXPLAINED[method],), text, predict, **options)

    def _embed_queries(self, texts: list[str], kind: str) -> Tensor:
        """What a task keeps of texts to compare images and clips with, (K, E)."""

        def predict(task: Retrieval, features: Features, batch: Batch) -> list[dict[str, Any]]:
            return [dict(embedding=row) for row in task.embed_query(features.text()).cpu().numpy()]

        results = results_of(self._run('embed', texts, ('caption',), None, predict, text_media=kind, batch_size=64))
        return torch.from_numpy(np.stack([embedding_of(result) for result in results])).to(self.device)

    def _predict_classes(self, task: Task, features: Features, batch: Batch) -> list[dict[str, Any]]:
        samples = task.predict(features, batch)
        scores = torch.stack([sample.pred_score for sample in samples])
        names = getattr(task, 'names', None) or self._names(task)
        return read_classes(scores, names or list(map(str, range(scores.shape[1]))))

    def _names(self, task: Task) -> list[str] | None:
        return next((self.model.class_names.get(name) for name, other in self.tasks.items() if other is task), None)

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
        run, settings = split_options(options)

        def predict(task: Summarization, features: Features, batch: Batch) -> list[dict[str, Any]]:
            generator = generator_of(task, settings, n_best)
            return read_texts(generator, generator.hypotheses(features, features.memory('text')))

        return self._run('summarize', text, ('document',), None, predict, text_media='text', **run)


def _distance(result: Result) -> float:
    """What results are sorted by."""
    return -(result.similarity or 0.0)
