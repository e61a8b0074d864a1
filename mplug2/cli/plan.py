"""``mplug2 plan``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

GB = 1e9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..config.command_line import DictAction, positive

    parser.add_argument('config', help='a config file, or the name of a shipped one')
    parser.add_argument('--gpus', type=positive, default=1, metavar='N', help='GPUs in data parallel (default: 1)')
    parser.add_argument('--gpu-type', choices=['a100', 'h100', 'h200'], default='h100')
    parser.add_argument('--mfu', type=float, default=0.15, help="achieved share of the GPU's peak FLOPs (default: 0.15)")
    parser.add_argument('--batch-size', type=positive, metavar='N', help="samples on each GPU (default: the config's)")
    parser.add_argument('--frames', type=positive, metavar='T', help="frames of a clip (default: the config's)")
    parser.add_argument('--text', type=positive, metavar='L', help="tokens of the text (default: the config's limit, else 30)")
    parser.add_argument(
        '--target', type=positive, metavar='L', help="tokens of the target (default: the config's limit, else 20)"
    )
    parser.add_argument('--samples', type=positive, help='samples of the data set, if the config counts epochs')
    parser.add_argument(
        '--worker-rate',
        type=float,
        nargs='+',
        metavar='R',
        help='samples a second that a worker loads (bench loader): one number, or one a batch, in the order of the report',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='overrides, such as model.network.universal.num_layers=3'
    )


def run(args: argparse.Namespace) -> None:
    from ..config.load import load_config
    from ..planning.plan import GPUS, make_plan
    from ..planning.workload import works_of

    cfg = load_config(args.config, args.cfg_options)
    sizes = dict(batch=args.batch_size, frames=args.frames, text=args.text, target=args.target)
    overrides = {name: size for name, size in sizes.items() if size is not None}
    works = [work._replace(**overrides) for work in works_of(cfg)]
    wrapper = cfg.get('optim_wrapper') or {}
    kind = wrapper.get('optimizer', dict(type='AdamW'))['type']
    bf16 = wrapper.get('dtype') in ('bfloat16', 'auto')
    optimizer = kind if isinstance(kind, str) else kind.__name__
    batches_per_step = ((cfg.train_dataloader or {}).get('sampler') or {}).get('batches_per_step', 1)
    sharded = cfg.get('parallel') == 'shard'
    plan = make_plan(cfg.model, works, args.gpus, GPUS[args.gpu_type], optimizer, bf16, args.mfu, sharded, batches_per_step)
    steps = steps_of(cfg.get('train_cfg') or {}, args.samples, works[0].batch * args.gpus)
    base = (cfg.get('auto_scale_lr') or {}).get('base_batch_size')
    print(report(plan, args.gpus, args.gpu_type, bf16, optimizer, args.mfu, steps, args.worker_rate, base))


def steps_of(train_cfg: dict, samples: int | None, batch: int) -> int | None:
    """Optimizer steps of a training; None if the config counts epochs and the number of samples is unknown."""
    if train_cfg.get('max_iters'):
        return int(train_cfg['max_iters'])
    epochs = train_cfg.get('max_epochs')
    return None if epochs is None or samples is None else math.ceil(epochs * math.ceil(samples / batch))


def report(
    plan: Any,
    gpus: int,
    gpu_type: str,
    bf16: bool,
    optimizer: str,
    mfu: float,
    steps: int | None,
    worker_rates: Sequence[float] | None = None,
    base: float | None = None,
) -> str:
    """The plan as tables.

    Args:
        plan: `mplug2.planning.Plan`. steps: optimizer steps, if known. worker_rates: samples a second that a worker loads, one
            number or one for each work. base: samples a step that the config's learning rate and steps are for, if known.

    Raises:
        ValueError: the number of worker rates is neither one nor that of the batches.
    """
    from ..checkpoints.loading import table
    from ..planning.plan import GPUS

    gpu = GPUS[gpu_type]
    lines = [f'{gpus} x {gpu_type} ({gpu.memory / GB:.0f} GB), {"bf16 autocast" if bf16 else "fp32"}, {optimizer}']
    for number, work in enumerate(plan.works):
        plain = plan.steps[number][0]
        size = '' if work.media == 'text' else f' of {work.frames} frames' if work.media == 'video' else ' (one frame)'
        side = '' if work.side is None or work.media == 'text' else f', {work.side} pixels'
        tasks = f'{" + ".join(work.tasks)}: ' if work.tasks else ''
        lines.append(
            f'\n{tasks}{work.batch} x {work.media}{size}{side}, {work.text} text tokens, {work.target} target tokens a GPU'
        )
        rows = [('GB on each GPU', *plan.forms)]
        forms = [plan.parts(number, form) for form in range(len(plan.forms))]
        names = NAMES | dict(optimizer=f'state of {optimizer}', communication=COMMUNICATION[plan.shares > 1])
        for name, label in names.items():
            rows.append((label, *(f'{parts[name] / GB:,.2f}' for parts in forms)))
        peaks = [plan.peak(number, form) for form in range(len(plan.forms))]
        rows.append(('most at a time', *(f'{peak / GB:,.2f}' for peak in peaks)))
        rows.append((f'of {gpu.memory / GB:.0f} GB', *(f'{peak / gpu.memory:.0%}' for peak in peaks)))
        lines.append(table(rows))
        lines.append(f'{plain.flops / 1e12:,.2f} TFLOPs a batch, {plain.flops / work.batch / 1e9:,.1f} GFLOPs a sample')
    rate = plan.samples * gpus
    lines.append(f'\nat {mfu:.0%} of {(gpu.bf16 if bf16 else gpu.fp32) / 1e12:,.0f} TFLOP/s (MFU):')
    samples = rate * plan.seconds
    batches = f', {plan.batches_per_step} batches' if plan.batches_per_step > 1 else ''
    lines.append(f'  a step     {plan.seconds:.3f} s, {samples:,.0f} samples{batches}')
    if base is not None and abs(samples / base - 1) > 0.01:
        lines.append(
            f"             the config's learning rate and number of steps are for {base:,.0f}: batches of "
            f'{base / samples:.3g} times the size keep them'
        )
    lines.append(f'  loader     {rate:,.0f} samples/s in all, {plan.samples:,.0f} for each GPU')
    if worker_rates:
        rates = ', '.join(f'{each:,.0f}' for each in worker_rates)
        lines.append(f'  workers    {math.ceil(plan.workers(worker_rates))} for each GPU, at {rates} samples/s a worker')
    if steps is None:
        lines.append('  training   the config counts epochs: give --samples, the number of samples of an epoch')
    else:
        hours = steps * plan.seconds / 3600
        lines.append(f'  training   {steps:,} steps: {hours:,.1f} hours, {hours * gpus:,.0f} GPU hours')
    return '\n'.join(lines)


NAMES = dict(
    weights='weights',
    gradients='gradients',
    optimizer='',
    communication='',
    momentum_encoder='momentum encoder',
    queue='queues',
    batch='batch',
    casts='bf16 copies of weights',
    activations='activations',
)
COMMUNICATION = {False: "gradients' buckets (DDP)", True: 'gathered weights, their gradients (FSDP2)'}
