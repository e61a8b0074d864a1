"""``mplug2 modules``."""

from __future__ import annotations

import argparse
from collections import Counter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..config.command_line import DictAction, positive

    parser.add_argument('config', help='a config file, or the name of a shipped one')
    parser.add_argument(
        '--frames', type=positive, metavar='T', help="frames of a clip, for tasks over videos (default: the config's)"
    )
    parser.add_argument(
        '--size', type=positive, help="side of a frame in pixels (default: what the model's positions are made for)"
    )
    parser.add_argument('--text', type=positive, default=30, metavar='L', help='tokens of the text (default 30)')
    parser.add_argument('--target', type=positive, default=20, metavar='L', help='tokens of the target (default 20)')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='overrides, such as model.network.universal.num_layers=3'
    )


def run(args: argparse.Namespace) -> None:
    from ..config.load import load_config

    cfg = load_config(args.config, args.cfg_options)
    frames = frames_of(cfg) if args.frames is None else args.frames
    print(describe(cfg.model, frames, args.size, args.text, args.target))


def frames_of(cfg: dict) -> int:
    """Frames of a clip as a config's data sets read it, in training first; of a config without clips, 8."""
    from ..planning.workload import Work, work_of

    for loader in filter(None, map(cfg.get, ('train_dataloader', 'val_dataloader', 'test_dataloader'))):
        sources = loader['dataset'].get('sources')
        for dataset in [source['dataset'] for source in sources.values()] if sources else [loader['dataset']]:
            work = work_of(dataset, 1)
            if work.media == 'video':
                return work.frames
    return Work().frames


def describe(model_cfg: dict, frames: int = 8, size: int | None = None, text: int = 30, target: int = 20) -> str:
    """Tables of a model's modules and tasks; nothing is allocated.

    Args:
        model_cfg: config of an `MPlug2`. frames, size, text, target: T, pixels and tokens of the one sample that FLOPs are
            counted for; images have one frame.

    Raises:
        ValueError: the config's model is not an `MPlug2`.
    """
    import torch
    from torch._subclasses import FakeTensorMode

    from ..checkpoints.loading import table
    from ..model import MPlug2
    from ..planning.trace import materialise
    from ..registry import MODELS
    from ..tasks import INPUTS

    model_cfg = {key: value for key, value in model_cfg.items() if key not in ('blocks', 'init_cfg')}
    with torch.device('meta'):
        model = MODELS.build(model_cfg)
    if not isinstance(model, MPlug2):
        raise ValueError(f"the config's model is a {type(model).__name__}; modules are listed of an MPlug2")
    with FakeTensorMode():  # shapes without storage
        materialise(model.eval())
        costs = {
            name: task_flops(model.network, task.spec, frames if 'video' in task.spec.inputs else 1, size, text, target)
            for name, task in model.tasks.items()
        }
    rows = [('module', 'class', 'parameters', *(f'GFLOPs {name}' for name in costs))]
    parts = [*model.network.named_children()]
    for name, module in parts:
        rows.append((name, type(module).__name__, _size(module), *(_giga(cost.get(name, 0)) for cost in costs.values())))
    for name, task in model.tasks.items():
        if any(True for _ in task.parameters()):
            rows.append((f'task {name}', type(task).__name__, _size(task), *('' for _ in costs)))
    rows.append(('total', '', _size(model), *(_giga(sum(cost.values())) for cost in costs.values())))

    columns = [*INPUTS, *(name for name, _ in parts)]
    marks = [('task', *columns)]
    for name, task in model.tasks.items():
        touched = task.spec.inputs | model.network.modules_of(task.spec.stages)
        marks.append((name, *('x' if column in touched else '' for column in columns)))
    sizes = f'forward of one sample: {frames} frames a clip, {text} text tokens, {target} target tokens'
    return f'{table(rows)}\n({sizes})\n\nWhat each task touches (Table 2):\n{table(marks)}'


def task_flops(network, spec, frames: int, size: int | None, text: int, target: int) -> Counter:
    """FLOPs of a forward through the modules of a task's row, by module; multiply and add are two.

    Args:
        network: of fake tensors. spec: the task's `TaskSpec`. frames, size, text, target: of one sample.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    from ..modules.contracts import VisionEncoder
    from ..networks import Features
    from ..planning.flops import FlopsByModule
    from ..structures import Batch, Tokens

    def tokens(length: int) -> Tokens:
        return Tokens(torch.zeros(1, length, dtype=torch.long), torch.ones(1, length, dtype=torch.bool))

    images = None
    if 'vision' in spec.stages:
        encoder = next(part for part in network.children() if isinstance(part, VisionEncoder))
        size = encoder.image_size if size is None else size
        images = torch.zeros(1, frames, 3, size, size)
    features = Features(network, Batch(frames=images, text=tokens(text)))
    # The explicit attention, because PyTorch has no formula for the fused one on the CPU.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopsByModule(network) as flops:
        for stage in ('vision', 'text', 'fused'):
            if stage in spec.stages:
                last = stage
                getattr(features, stage)()
        if 'decoder' in spec.stages:
            network.decoder(tokens(target).ids, features.memory(last))
    return flops.by_module


def _size(module) -> str:
    return f'{sum(parameter.numel() for parameter in module.parameters()):,}'


def _giga(flops: float) -> str:
    return f'{flops / 1e9:,.2f}' if flops else '-'
