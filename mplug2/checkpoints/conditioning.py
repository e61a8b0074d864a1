"""What the published fine-tuned files were trained to read, held against a config.

All of them have the same keys, so a network takes them whatever it is asked afterwards; only their names distinguish them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config.walk import nodes
from ..registry import TASKS, class_of
from .files import read_origin

_PUBLISHED = re.compile(r'mplug2_(msrvtt|msvd)_(caption|qa)', re.IGNORECASE)
# Kind of a file -> what its decoder attended to, and where its configs are.
_TRAINED = {'caption': ('vision alone', 'video_captioning'), 'qa': ('vision and the bare question', 'video_qa')}


def conditioning_warning(cfg: Mapping[str, Any], source: Any) -> str | None:
    """One line where a config asks a published file for something that it was not trained for; None where it does not.

    Args:
        cfg: a loaded config. source: of the weights. A file that `mplug2 convert` made of a published one is known as such.
    """
    path = Path(source) if isinstance(source, (str, Path)) else None
    name = None if path is None or not path.is_file() else _PUBLISHED.search(read_origin(path) or path.stem)
    if name is None:
        return None
    benchmark, kind = name[1].lower(), name[2].lower()
    trained, folder = _TRAINED[kind]
    for task, task_cfg in (cfg.get('model', {}).get('tasks') or {}).items():
        reads = _reads(cfg, task_cfg, kind)
        if reads not in (None, trained):
            return (
                f'{source} was trained to decode {trained}, and task {task!r} of this config decodes {reads}; '
                f'{folder}/mplug2_large_{benchmark}_release tests it as published'
            )
    return None


def _reads(cfg: Mapping[str, Any], task_cfg: Mapping[str, Any], kind: str) -> str | None:
    """What a captioning ('caption') or question answering ('qa') task decodes; None if the task is of another kind."""
    task = class_of(task_cfg, TASKS)
    if kind == 'caption':
        condition = inspect.signature(task).parameters.get('condition')
        if condition is None:
            return None
        return 'vision alone' if task_cfg.get('condition', condition.default) == 'vision' else 'vision and an instruction'
    if 'answer' not in task.methods:
        return None
    loader = next((cfg[name] for name in ('test_dataloader', 'val_dataloader', 'train_dataloader') if cfg.get(name)), {})
    instructed = any(node.get('instruction') for node in nodes(loader))
    return 'vision and a question after an instruction' if instructed else 'vision and the bare question'
