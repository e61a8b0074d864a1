"""Any config at a tiny size, on the mini benchmark in place of its data: so that every config is run, not only read.

`shrink` changes a loaded config, never a file. What a class says of itself comes first:

- a data set's ``stand_in(mini, cfg)`` returns what to change of its config, so that it reads the mini benchmark's files;
- any class's ``shrink_config(cfg, tiny)`` changes its config in place.

Beyond that, arguments of the network and its tasks that have one of the toolkit's own names (`SIZES`) are set by name.
"""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..config.load import type_name
from ..config.walk import nodes
from ..datasets.foreign import description_of
from ..datasets.stand_ins import MiniBenchmark
from ..registry import DATASETS, TASKS, class_of
from .tiny import TinySize

TINY = TinySize()
# By the name of an argument, wherever it occurs in the network and its tasks.
SIZES: dict[str, Any] = dict(
    width=32,
    num_heads=2,
    ffn_dim=48,
    num_layers=2,
    image_size=TINY.pixels,
    patch_size=8,
    vocab_size=1000,
    max_positions=96,
    num_queries=4,
    projection_dim=16,
    queue_size=8,
    num_beams=2,
    min_length=1,
    max_length=6,
    num_samples=2,
    window=None,
    global_blocks=(),
    drop_path=0.0,
    init_cfg=None,
    blocks=None,
    vocab='mini',
    locations=TINY.locations,
)
# Of a detector's heads, proposals and samples.
SIZES |= dict(in_channels=16, feat_channels=16, out_channels=16, conv_out_channels=16, fc_out_channels=32)
SIZES |= dict(nms_pre=50, max_per_img=20, num=16)
# Those whose defaults are those of the full size, so that they are set where a class takes them.
DEFAULTED = ('vocab_size', 'max_positions', 'projection_dim', 'queue_size', 'num_samples')
# Words in place of a file that lists them.
LISTS = dict(
    answers=['red', 'blue', 'yes', 'no'],
    names=['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'red', 'blue'],
)


def shrink(cfg: Config, root: str | Path, out: str | Path) -> Config:
    """Make a config tiny: one training step of four samples, and tests of eight, on the mini benchmark.

    Args:
        cfg: changed in place. root: of the mini benchmark, where files in the format of further benchmarks are written
            too. out: folder of results and logs.

    Returns:
        the config.

    Raises:
        KeyError: a data set has no stand-in; says which method to give it.
    """
    mini = MiniBenchmark(root)
    for node in nodes(cfg.get('model') or {}):
        _resize(node)
        _ask(node)
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(key):
            _shrink_loader(cfg[key], mini)
    for key in ('val_evaluator', 'test_evaluator'):
        for node in nodes(cfg.get(key) or {}):
            _ask(node)
            if node.get('out_file'):  # into the folder of results, wherever the config writes
                node['out_file'] = Path(node['out_file']).name
            if (stand_in := _stand_in_of(class_of(node))) is not None:
                node.update(stand_in(mini, node))
    for key in ('val_cfg', 'test_cfg'):
        if cfg.get(key) and 'top_k' in cfg[key]:
            cfg[key].top_k = 3
    if cfg.get('train_cfg'):
        cfg.train_cfg.pop('max_epochs', None)
        cfg.train_cfg.update(max_iters=1, val_interval=1)
        cfg.param_scheduler = None
        cfg.optim_wrapper.dtype = None
    cfg.load_from, cfg.resume, cfg.work_dir = None, False, str(out)
    return cfg


def _ask(node: dict) -> None:
    """Let the class of a config shrink it."""
    kind = class_of(node)
    shrink_config = getattr(kind, 'shrink_config', None) or description_of(kind).shrink
    if shrink_config is not None:
        shrink_config(node, TINY)


def _stand_in_of(kind: Any) -> Any:
    return getattr(kind, 'stand_in', None) or description_of(kind).stand_in


def _resize(node: dict) -> None:
    kind = class_of(node, TASKS)
    arguments = inspect.signature(kind).parameters if kind is not None else ()
    for key, value in SIZES.items():
        if key in node or (key in DEFAULTED and key in arguments):
            node[key] = copy.deepcopy(value)
    for key, words in LISTS.items():
        if isinstance(node.get(key), str):
            node[key] = list(words)


def _shrink_loader(loader: dict, mini: MiniBenchmark) -> None:
    loader.update(batch_size=4, num_workers=0)
    if sources := loader['dataset'].get('sources'):  # one step takes a batch of each
        loader.update(batch_size=None)
        loader['sampler'].update(strategy='round_robin', batches_per_step=len(sources))
        for source in sources.values():
            source['batch_size'] = 4
    for node in [node for node in nodes(loader['dataset']) if 'pipeline' in node and node.get('type')]:
        kind = class_of(node, DATASETS)
        if (stand_in := _stand_in_of(kind)) is None:
            advice = (
                'give the class a classmethod stand_in(mini, cfg), which returns what to change of its config so that it reads '
                'files of the mini benchmark (mplug2.datasets.stand_ins)'
            )
            reason = 'it is not registered' if kind is None else advice
            raise KeyError(f'no stand-in for the data set {type_name(node)}: {reason}')
        node.update(stand_in(mini, node))
        node['indices'] = TINY.samples
        for step in nodes(node['pipeline']):
            _ask(step)
