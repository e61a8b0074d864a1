"""A model from a folder as transformers saves it: sizes by its config.json, weights by a project's format."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from torch import Tensor

from ..checkpoints.errors import CheckpointError
from ..checkpoints.files import read_state
from ..checkpoints.formats.adapter import HEADS, to_model_keys
from ..checkpoints.hub import HubFolder
from ..checkpoints.loading import load_strictly, show
from ..model import MPlug2
from ..registry import HUB_MODELS, MODELS, resolve


def load_hub_model(folder: HubFolder, state: Mapping[str, Tensor] | None = None) -> MPlug2:
    """The model of such a folder, with its preprocessing, in evaluation mode; what was loaded is its ``load_report``.

    Args:
        state: weights that are at hand; those of the folder if None.

    Raises:
        CheckpointError: no project knows the model type; or its weights are unreadable, incomplete, or do not fit.
    """
    kind = folder.config['model_type']
    build = HUB_MODELS.known(kind)
    if build is None:
        known = sorted(HUB_MODELS.module_dict)
        near = difflib.get_close_matches(kind, known, n=2, cutoff=0.5)
        hint = f'; near ones are {" and ".join(near)}' if near else ''
        raise CheckpointError(
            f'{folder.path} holds a model of the type {kind!r}, which no project knows; they know {", ".join(known)}{hint}'
        )
    model_cfg, preprocessing, adapter = build(folder)
    preprocessor = resolve(model_cfg.pop('data_preprocessor'), MODELS)  # which MMEngine builds, from its own registry
    model = MPlug2(**model_cfg, data_preprocessor=preprocessor)
    model.preprocessing = preprocessing
    translated = adapter.translate(
        state or read_state(folder.path), [*(name for name, _ in model.network.named_children()), HEADS]
    )
    own = model.state_dict()
    model.load_report = show(
        load_strictly(
            model,
            to_model_keys(translated.weights, own),
            str(folder.path),
            sources=to_model_keys(translated.sources, own),
            left_out=translated.left_out,
            absent=[f'*.{pattern.removeprefix(HEADS)[1:]}' for pattern in adapter.absent if pattern.startswith(HEADS)],
            assign=True,
        )
    )
    return model.eval()
