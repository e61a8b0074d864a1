"""How a model's inputs are made, as data: taken from a config's pipelines, stored in model folders, run for callers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..config.load import type_name
from ..datasets.benchmarks.text.glue import GLUE_TASKS
from ..datasets.transforms import LoadImage, LoadVideo, PackInputs, Resize, TokenizeText
from ..registry import DATASETS, TRANSFORMS, class_of
from ..text.class_names import read_class_names
from .inputs import Media
from .results import SeenFrames

# By name, because a config that was written out names classes by their modules.
_TEXT_STEPS = ('AddConstant', 'TokenizeText', 'TokenizeTexts', 'TokenizePair', 'AnswerWindows')
_CROPS = ('RandomResizedCrop', 'BoxSafeResizedCrop')  # of training; tests squash to the same size
# What only training or scoring has: labels, targets, and draws.
_LEFT_OUT = (
    *('PackInputs', 'AddMediaId', 'ChooseText', 'TokenizeTarget', 'MaskTokens', 'SplitPrefix', 'BoxTarget'),
    *('HorizontalFlip', 'ColorJitter', 'RandAugment', 'RandomErasing'),
)
# Of what a task is given beside tensors: what `TextQA` reads its answers from, and the texts of callers.
_FIELDS = ('context', 'windows', 'caption', 'question', 'phrase')


def preprocessing_of(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """How the inputs of a config's model are made: ``dict(image, video, text)``, as `PretrainedModel.preprocessing`.

    Pipelines of the test come first, then those of validation, then those of training without what is random in them.

    Args:
        cfg: a loaded config of an `MPlug2`.
    """
    parts: dict[str, Any] = {'image': None, 'video': None, 'text': {}}
    for names, pipeline in _pipelines(cfg):
        vision, text = _split(pipeline)
        if vision:
            kind = 'image' if 'Image' in type_name(vision[0]) else 'video'
            parts[kind] = parts[kind] or vision
        for name in names:
            reads = cfg['model']['tasks'][name].get('text', 'text')
            steps = [step for step in text if step.get('out', 'text') == reads]
            if steps:
                parts['text'].setdefault(name, steps)
    return {key: value for key, value in parts.items() if value}


def class_names_of(cfg: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of the classes of a config's tasks, where a data set states them or reads them from a file that is there."""
    names_of: dict[str, list[str]] = {}
    for dataset, tasks in _datasets(cfg):
        names = (dataset.get('metainfo') or {}).get('classes')
        file = dataset.get('synsets')
        if names is None and dataset.get('task') in GLUE_TASKS:
            names = GLUE_TASKS[dataset['task']].classes
        if names is None and file and Path(file).is_file():
            names = read_class_names(file)
        if names is None and (read := getattr(class_of(dataset, DATASETS), 'read_classes', None)) is not None:
            names = read(dataset)
        if names:
            for task in tasks:
                names_of.setdefault(task, list(names))
    return names_of


def published_preprocessing(size: int, num_frames: int = 16) -> dict[str, Any]:
    """Of the published weights: frames squashed with nearest neighbours; questions cleaned, without instructions.

    Args:
        size: side of a frame, pixels.
    """
    squash = dict(type=Resize, size=size, interpolation='nearest')
    question = dict(type=TokenizeText, key='question', clean='question', max_words=50)
    return {
        'image': [dict(type=LoadImage), squash],
        'video': [dict(type=LoadVideo, num_frames=num_frames), squash],
        'text': {'qa': [question]},
    }


def _datasets(cfg: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """Data sets of a config and the tasks that their texts are for."""
    tasks = list(cfg['model']['tasks'])
    for loader in ('test_dataloader', 'val_dataloader', 'train_dataloader'):
        dataset = (cfg.get(loader) or {}).get('dataset')
        if dataset is None:
            continue
        for source in (dataset.get('sources') or {'': dict(dataset=dataset, tasks=tasks if len(tasks) == 1 else [])}).values():
            inner, names = source['dataset'], list(source['tasks'])
            while 'pipeline' not in inner and ('dataset' in inner or inner.get('datasets')):
                inner = inner['dataset'] if 'dataset' in inner else inner['datasets'][0]
            for step in inner.get('pipeline') or []:
                if type_name(step) == 'AddConstant' and step['key'] == 'task':
                    names = [step['value']]
            yield inner, names


def _pipelines(cfg: Mapping[str, Any]) -> Iterator[tuple[list[str], Sequence[Mapping[str, Any]]]]:
    for dataset, names in _datasets(cfg):
        yield names, dataset.get('pipeline') or []


def _split(pipeline: Sequence[Mapping[str, Any]]) -> tuple[list[dict], list[dict]]:
    """Steps from a file to frames, and those from texts to tokens."""
    vision: list[dict] = []
    text: list[dict] = []
    for step in pipeline:
        name, step = type_name(step), dict(step)
        if name in _LEFT_OUT:
            continue
        if name == 'AddConstant':
            text += [step] if step['key'] != 'task' else []
        elif name == 'TokenizeTexts':  # a gallery's list of captions; callers give one text at a time
            text.append({**step, 'type': TokenizeText, 'key': 'caption', 'out': 'text'})
        elif name in _TEXT_STEPS or text:
            text.append(step)
        elif name in _CROPS:
            kept = {key: step[key] for key in ('size', 'interpolation') if key in step}
            vision.append(dict(type=Resize, **kept))
        else:
            vision.append(step)
    return vision, text


class Prepared(NamedTuple):
    """packed: what `multimodal_collate` takes. size: height and width of the input, pixels; None of a text."""

    packed: dict[str, Any]
    size: tuple[int, int] | None


class InputPipeline:
    """Runs a model's preprocessing. Several threads may call it, and it pickles.

    Args:
        preprocessing: `PretrainedModel.preprocessing`. inputs: the kinds of inputs that each of the model's tasks takes.
            tokenizer: of text steps that name none.
    """

    def __init__(self, preprocessing: Mapping[str, Any], inputs: Mapping[str, frozenset[str]], tokenizer: Any = None) -> None:
        self.vision = {kind: _build(preprocessing[kind], tokenizer) for kind in ('image', 'video') if preprocessing.get(kind)}
        self.text = {name: _build(steps, tokenizer) for name, steps in preprocessing.get('text', {}).items()}
        self.inputs = inputs

    def kind_for(self, kind: str) -> str:
        """Whose steps make frames of an image or clip: a model of clips reads an image as a clip of one frame.

        Raises:
            ValueError: the model reads images only, and this is a clip.
        """
        if kind in self.vision:
            return kind
        if kind == 'image' and 'video' in self.vision:
            return 'video'
        if not self.vision:
            raise ValueError('the model reads texts only, or nothing says how it reads images and clips (its preprocessing)')
        raise ValueError('the model reads images, and this is a video')

    def asked_as(self, task: str, kind: str) -> str:
        """What a task takes an image or clip for: a task of clips takes an image for a clip of one frame."""
        known = self.inputs[task]
        return kind if kind in known else next(iter(known - {'text'}), kind)

    def __call__(self, task: str, media: Media | None, fields: Mapping[str, Any], with_text: bool = True) -> Prepared:
        """Read and pack one input.

        Args:
            task: name of the model's that the input is for. fields: texts, under the names of the data sets' records
                ('question', 'caption', 'phrase', 'document', ...). with_text: run the task's text steps.

        Raises:
            BadSampleError: the media cannot be read. ValueError: not the kind of media that the model reads.
        """
        results: dict[str, Any] = {'sample_id': 0, 'test_mode': True, 'label': 0, 'media': 'text', **fields}
        size = None
        if media is not None:
            kind = self.kind_for(media.kind)
            results, size = self._read(results, media, kind)
            results['media'] = self.asked_as(task, kind)
        outputs = []
        for step in self.text.get(task, ()) if with_text else ():
            results = step(results)
            outputs.append(getattr(step, 'out', 'text'))
        results['task'] = task
        further = [name for name in outputs if name not in PackInputs.USUAL and name in results]
        fields_kept = [name for name in _FIELDS if name in results]
        return Prepared(PackInputs(inputs=further, fields=fields_kept)(results), size)

    def seen(self, media: Media) -> SeenFrames:
        """The frames that the model reads of an image or clip, at their own size.

        Raises:
            BadSampleError: the media cannot be read. ValueError: not the kind of media that the model reads.
        """
        count = getattr(self.vision[self.kind_for(media.kind)][0], 'num_frames', 1)
        return SeenFrames(media.read(count), media.times_of(count))

    def text_offset(self, task: str, kind: str, key: str, out: str) -> int:
        """How many tokens of a task's input `out` come before the caller's own text: the class token and the instruction.

        Args:
            key: the record's name of that text.
        """
        packed = self(task, None, {key: '', 'media': self.asked_as(task, kind)}).packed
        return len(packed['inputs'][out])

    def _read(self, results: dict[str, Any], media: Media, kind: str) -> tuple[dict[str, Any], tuple[int, int] | None]:
        """Results with ``frames``, and height and width of the input."""
        first, *rest = self.vision[kind]
        results['path'] = media.path or media.source
        size = None
        if isinstance(first, (LoadImage, LoadVideo)):
            reader = {'backend': first.backend} if isinstance(first, LoadVideo) else {}
            results['frames'] = media.read(getattr(first, 'num_frames', 1), **reader)
            size = results['frames'].shape[1:3]
        elif media.path is None or media.times:
            raise ValueError(f'{media.source}: {type(first).__name__} reads whole files: give a path')
        else:
            results = first(results)
        for step in rest:
            results = step(results)
        return results, size


def _build(steps: Sequence[Mapping[str, Any]], tokenizer: Any) -> list:
    built = []
    for step in steps:
        step = dict(step)
        if type_name(step).startswith('Tokenize') or type_name(step) == 'AnswerWindows':
            step.setdefault('tokenizer', tokenizer)
        built.append(TRANSFORMS.build(step))
    return built
