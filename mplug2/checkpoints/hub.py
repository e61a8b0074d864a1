"""Folders as transformers saves models: what such a folder says of itself, and what a project makes of it.

A project registers a function for its ``model_type`` in ``HUB_MODELS``; `mplug2.apis.hub` does the rest. Types are given by
their registered names: a stored config is data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..text import BertTokenizer
from .errors import CheckpointError
from .formats.adapter import Adapter

CONFIG = 'config.json'
FILTERS = {0: 'nearest', 1: 'lanczos', 2: 'bilinear', 3: 'bicubic', 4: 'box', 5: 'hamming'}  # Pillow's numbers
ACTIVATIONS = {
    'gelu': 'gelu',
    'gelu_new': 'gelu_tanh',
    'gelu_pytorch_tanh': 'gelu_tanh',
    'quick_gelu': 'quick_gelu',
    'relu': 'relu',
}


_STACK = dict(width='hidden_size', num_layers='num_hidden_layers', num_heads='num_attention_heads')
_STACK |= dict(ffn_dim='intermediate_size', eps='layer_norm_eps')


def stack(sizes: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a stack of layers, of a section of a ``config.json``."""
    return {ours: sizes[theirs] for ours, theirs in _STACK.items()}


def vision_tower(sizes: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """Config of our ViT, of a section of a ``config.json``. options: further arguments of it."""
    return dict(
        type='DualVisionEncoder',
        image_size=sizes['image_size'],
        patch_size=sizes['patch_size'],
        activation=ACTIVATIONS[sizes['hidden_act']],
        position_resize='bicubic',
        **stack(sizes),
        **options,
    )


class HubModel(NamedTuple):
    """What a folder is of ours.

    model: arguments of `MPlug2`. preprocessing: as `PretrainedModel.preprocessing`. adapter: of its weights.
    """

    model: dict[str, Any]
    preprocessing: dict[str, Any]
    adapter: Adapter


@dataclass(frozen=True)
class HubFolder:
    """path: of the folder. config: content of its ``config.json``."""

    path: Path
    config: dict[str, Any]

    @property
    def architecture(self) -> str:
        """The class that the folder was saved from, such as 'CLIPModel'; '' if it does not say."""
        return next(iter(self.config.get('architectures') or []), '')

    def read(self, name: str) -> dict[str, Any]:
        """Another JSON file of the folder; empty where there is none.

        Raises:
            CheckpointError: it is no JSON.
        """
        path = self.path / name
        if not path.is_file():
            return {}
        try:
            return json.loads(path.read_text(encoding='utf-8-sig'))
        except ValueError as error:
            raise CheckpointError(f'{path} is no JSON: {error}') from None

    def section(self, name: str, **defaults: Any) -> dict[str, Any]:
        """A part of the config ('text_config'), over the values that transformers leaves out because they are its defaults."""
        own = self.config.get(name) or {}
        return {**defaults, **own, **(self.config.get(f'{name}_dict') or {})}  # the oldest files of CLIP have the last

    def tokenizer(self, **arguments: Any) -> dict[str, Any]:
        """Config of the folder's tokenizer. arguments: of `FileTokenizer`.

        Raises:
            CheckpointError: the folder has none that is read.
        """
        file = self.path / 'tokenizer.json'
        if file.is_file():
            return dict(type='FileTokenizer', vocab=str(file), **arguments)
        words = self.path / 'vocab.txt'
        if words.is_file():
            bert = BertTokenizer(str(words), 'bert_pair')
            own = dict(start=(bert.cls_id, '[CLS]'), end=(bert.sep_id, '[SEP]'), pad=(bert.pad_id, '[PAD]'))
            if all(arguments.get(name) in (None, *same) for name, same in own.items()):
                return dict(type='BertTokenizer', vocab=str(words), policy='bert_pair')
        raise CheckpointError(
            f"{self.path} has no tokenizer.json, and no vocab.txt with the model's special tokens: write the first there with "
            "transformers.AutoTokenizer.from_pretrained('...').save_pretrained('...')"
        )

    def special_token(self, name: str) -> str | None:
        """A special token of the tokenizer, such as 'pad_token'; None where the folder names none."""
        for file in ('tokenizer_config.json', 'special_tokens_map.json'):
            token = self.read(file).get(name)
            if token is not None:
                return token['content'] if isinstance(token, dict) else token
        return None

    def generation(self) -> dict[str, Any]:
        """Arguments of `Generation` that do what `generate` of transformers does by the folder's own settings.

        Its lengths count the start token, ours do not.
        """
        settings = {**self.config, **self.read('generation_config.json')}
        longest = settings.get('max_new_tokens') or (settings.get('max_length') or 20) - 1
        shortest = settings.get('min_new_tokens') or (settings.get('min_length') or 0) - 1
        return dict(
            num_beams=settings.get('num_beams') or 1,
            min_length=max(0, shortest),
            max_length=longest,
            length_penalty=settings.get('length_penalty') or 1.0,
            finish='standard',
        )

    @property
    def image_processor(self) -> dict[str, Any]:
        """The settings of its images, without those that transformers leaves out."""
        return self.read('preprocessor_config.json') or self.read('processor_config.json').get('image_processor') or {}

    def images(self, num_frames: int = 1, **defaults: Any) -> tuple[dict[str, list[dict]], dict[str, Any]]:
        """How images and clips are read: ``dict(image=..., video=...)`` of a preprocessing, and the data preprocessor.

        Args:
            num_frames: of a clip. defaults: of the folder's image processor, under transformers' names (``size``,
                ``crop_size``, ``resample``, ``image_mean``, ...).
        """
        settings = {**defaults, **self.image_processor}
        steps = list(image_steps(settings))
        readers = {'image': dict(type='LoadImage'), 'video': dict(type='LoadVideo', num_frames=num_frames)}
        statistics = dict(mean=list(settings['image_mean']), std=list(settings['image_std']))
        if not settings.get('do_normalize', True):
            statistics = dict(mean=[0.0] * 3, std=[1.0] * 3)
        pipelines = {kind: [reader, *steps] for kind, reader in readers.items()}
        return pipelines, dict(type='MultiModalDataPreprocessor', **statistics)


def image_steps(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Transforms that do what an image processor of transformers does before it normalises.

    Raises:
        CheckpointError: it does something else than to resize and to crop.
    """
    steps = []
    if settings.get('do_resize', True):
        size = settings['size']
        size = {'shortest_edge': size} if isinstance(size, int) else dict(size)
        interpolation = FILTERS[settings.get('resample', 2)]
        if 'shortest_edge' in size and not size.get('longest_edge'):
            steps.append(dict(type='PillowResize', shortest_edge=size['shortest_edge'], interpolation=interpolation))
        elif 'height' in size:
            steps.append(dict(type='PillowResize', size=[size['height'], size['width']], interpolation=interpolation))
        else:
            raise CheckpointError(f'the image processor resizes to {size}; shortest_edge, or height and width, are known')
    if settings.get('do_center_crop', False):
        crop = settings['crop_size']
        steps.append(dict(type='CenterCrop', size=[crop, crop] if isinstance(crop, int) else [crop['height'], crop['width']]))
    return steps


def hub_folder(path: Path) -> HubFolder | None:
    """A folder whose ``config.json`` names a model of transformers; None of any other."""
    file = path / CONFIG
    if not file.is_file():
        return None
    config = HubFolder(path, {}).read(CONFIG)
    return HubFolder(path, config) if 'model_type' in config else None
