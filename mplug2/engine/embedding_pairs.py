"""Embeddings of a test's images or clips and of their texts, pair by pair (Figure 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from torch import Tensor

from ..checkpoints import Policy, load
from ..datasets.collate import pad
from ..registry import MODELS, resolve
from ..structures import Tokens
from .runner import Runner


class Pairs(NamedTuple):
    """vision, text: (N, E) or (N, C), row by row a pair, on the host."""

    vision: Tensor
    text: Tensor


def build_embedder(cfg: Config, weights: str | Path | None) -> Any:
    """The model of a config with weights, or with those that the config names.

    Raises:
        ValueError: none of its tasks embeds images or clips and texts.
    """
    own = cfg.model if weights is None else cfg.model | dict(init_cfg=None)
    model = MODELS.build(resolve(own, MODELS))
    if not any(hasattr(task, 'embed_vision') for task in model.tasks.values()):
        raise ValueError(f'none of the tasks {", ".join(model.tasks)} embeds images or clips and texts')
    if weights is None:
        model.init_weights()
    else:
        load(model, weights, Policy.TEST)
    return model.to('cuda' if torch.cuda.is_available() else 'cpu').eval()


@torch.no_grad()
def embed_pairs(cfg: Config, model: Any) -> dict[str, Pairs]:
    """Of the test's images or clips with their first texts: ``embedding``, the task's embeddings, and ``class_token``, the
    network's own class tokens before the task's projections."""
    task = next(task for task in model.tasks.values() if hasattr(task, 'embed_vision'))
    features: dict[str, tuple[list[Tensor], list[Tensor]]] = dict(embedding=([], []), class_token=([], []))
    for batch in Runner.build_dataloader(cfg.test_dataloader):
        data = model.data_preprocessor(batch, False)
        frames = data['inputs']['frames']
        vision = model.network.encode_vision(frames)
        ids, mask = pad([list(sample.texts[0]) for sample in data['data_samples']])
        text = model.network.encode_text(Tokens(ids.to(frames.device), mask.to(frames.device)))
        for name, pair in dict(
            embedding=(task.embed_vision(vision), task.embed_text(text)), class_token=(vision.pooled, text.pooled)
        ).items():
            for side, part in zip(features[name], pair, strict=True):
                side.append(part.float().cpu())
    return {name: Pairs(*map(torch.cat, sides)) for name, sides in features.items()}
