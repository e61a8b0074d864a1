"""A model from whatever a caller names: a shipped name, a model folder, a work directory, a checkpoint, a published file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.logging import print_log
from torch import Tensor

from ..checkpoints.conditioning import conditioning_warning
from ..checkpoints.errors import CheckpointError
from ..checkpoints.files import load_checkpoint, read_state
from ..checkpoints.find import find_weights
from ..checkpoints.formats.release import ReleaseFormat
from ..checkpoints.hub import CONFIG, hub_folder
from ..checkpoints.load import Policy, load
from ..config.load import load_config
from ..model import MPlug2
from ..pretrained import folder_files, shipped_names, zoo
from ..registry import MODELS, TASKS, resolve
from ..tasks import Captioning
from ..text import BertTokenizer
from .hub import load_hub_model
from .pipeline import class_names_of, preprocessing_of, published_preprocessing
from .release import build_release

if TYPE_CHECKING:
    from .detection import Detector


def load_model(source: str | Path | MPlug2, config: str | Path | None = None, **published: Any) -> MPlug2 | Detector:
    """The model of a source, with its preprocessing, in evaluation mode.

    Args:
        source: a model; the name of a shipped one; a model folder, ours or one of transformers that a project knows, here or
            on the hub ('owner/name', 'owner/name@revision'); a work directory (its best checkpoint, or else its latest, and its
            config); a checkpoint file, whose config is beside it or given; or a published file.
        config: a config file, or the name of a shipped one, for weights that are stored without theirs. A config file is a
            program: it is run.
        published: arguments of `load_release` (``task='qa'``, ``tokenizer``, ...), for a published file. Where the task is not
            given, a name with 'qa' in it says that questions are answered.

    Raises:
        CheckpointError: no such source, or weights without a config. ModelFolderError: see `MPlug2.from_pretrained`.
        TypeError: keywords of a published file with another source.
    """
    weights: Any = source
    if isinstance(source, (str, Path)) and config is None and Path(source).is_file():
        weights = load_checkpoint(Path(source))
        state = ReleaseFormat.clean(read_state(weights))
        if ReleaseFormat.recognises(state):
            return _published(state, Path(source), **published)
    if published:
        named = source if isinstance(source, (str, Path)) else 'a built model'
        raise TypeError(f'{", ".join(published)}: keywords for a published file, which {named} is not')
    if not isinstance(source, (str, Path)):
        return source.eval()
    path = Path(source)
    if config is None and (files := folder_files(source)) is not None:
        foreign = hub_folder(files[0].parent) if files[0].name == CONFIG else None
        # The folder of files that are here now: the hub's name would ask the hub again. Shipped names have other files.
        own = files[0].parent if files[0].name == CONFIG else source
        return MPlug2.from_pretrained(own) if foreign is None else load_hub_model(foreign)
    if config is None and not path.exists():  # a shipped detector, which is no model folder
        config = next((model['config'] for model in zoo() if model['where'] == 'package' and model['name'] == source), None)
    if not path.exists() and config is None:
        raise CheckpointError(
            f'no model {source}: neither a file or folder nor a shipped model; those are {", ".join(shipped_names())}'
        )
    if config is None:
        config = config_beside(path)
    return from_config(config, weights, str(source))


def from_config(config: str | Path, weights: str | Path | Mapping[str, Any], name: str | None = None) -> MPlug2 | Detector:
    """The model of a config file with weights.

    Args:
        weights: what `checkpoints.load` takes: a checkpoint or its content, a work directory or a shipped name. name: what
            messages call them.

    Raises:
        CheckpointError: unreadable weights, or they do not fit. ValueError: a config of neither an `MPlug2` nor
            a detector.
    """
    cfg = load_config(config)
    model_cfg = {key: value for key, value in cfg.model.items() if key not in ('init_cfg', 'frozen', 'blocks')}
    kind = resolve(dict(type=model_cfg['type']), MODELS)['type']
    checkpoint = weights if isinstance(weights, Mapping) else find_weights(weights)
    warning = conditioning_warning(cfg, checkpoint)
    if warning is not None:
        print_log(warning, logger='current', level=logging.WARNING)
    if any(base.__name__ == 'BaseDetector' for base in kind.__mro__):
        from .detection import Detector  # mmdet takes seconds to import

        detector = MODELS.build({**model_cfg, 'type': kind})
        load(detector, weights, Policy.TEST, name=name)
        return Detector(detector, cfg)
    if not issubclass(kind, MPlug2):
        raise ValueError(f"{config}: the config's model is a {kind.__name__}; an Inferencer takes an MPlug2 or a detector")
    model_cfg['tasks'] = {
        name: resolve(dict(type=task['type']), TASKS)['type'].for_prediction(dict(task))
        for name, task in model_cfg['tasks'].items()
    }
    model = MODELS.build({**model_cfg, 'type': kind})
    model.preprocessing, model.class_names = preprocessing_of(cfg), class_names_of(cfg)
    load(model, weights, Policy.TEST, name=name)
    model.merge_adapters()
    return model.eval()


def _published(
    state: dict[str, Tensor], path: Path, task: str | None = None, tokenizer: dict | None = None, **sizes: Any
) -> MPlug2:
    task = task or ('qa' if 'qa' in path.stem.lower() else 'caption')
    model = build_release(state, str(path), task, tokenizer=tokenizer or dict(type=BertTokenizer), **sizes)
    model.preprocessing = published_preprocessing(model.network.vision_encoder.image_size)
    for asked in model.tasks.values():
        if isinstance(asked, Captioning):
            asked.generator.prompt = 'a video of'  # the published captions begin with it
    return model


def config_beside(path: Path) -> Path:
    """The only config beside weights or in a folder.

    Raises:
        CheckpointError: there is none, or there are several.
    """
    folder = path if path.is_dir() else path.parent
    configs = sorted(folder.glob('*.py'))
    if len(configs) != 1:
        listed = f'{len(configs)} configs ({", ".join(file.name for file in configs)})' if configs else 'no config'
        raise CheckpointError(
            f'{path} are weights with {listed} beside them: say which model they are of, as config=... (a file, or the name '
            'of a shipped config)'
        )
    return configs[0]
