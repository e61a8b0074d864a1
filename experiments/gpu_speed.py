"""Speed on a GPU: how much of its peak a training step reaches, eager and compiled, and how fast captions come.

    python experiments/gpu_speed.py                       # Large, bf16, 4 and 16 frames
    python experiments/gpu_speed.py --batch 8 --recompute # what does not fit otherwise
    python experiments/gpu_speed.py --pretraining pretraining/mplug2_base --recompute

With --pretraining it is the step of a pre-training config, optimizer and momentum encoder included, for each of its sources and
for their mixture: the config's own pipelines and loop, on pixels and words that mean nothing, with random weights.

MFU counts the floating-point operations of the forward and backward pass once (those recomputed in the backward pass do not
count) over the step's time and the GPU's dense bf16 peak.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch.profiler import profile
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from mplug2.cli.bench.measure import clips_of, describe_run, network_of, parameters, seconds, synchronise
from mplug2.config.load import load_config, type_name
from mplug2.datasets import InterleavedSources, InterleavingSampler, MultiModalDataset, source_collate
from mplug2.datasets.sampling.mixture import BatchIndex, SourceSamples
from mplug2.engine import PretrainLoop
from mplug2.engine.runner import Runner
from mplug2.modules import Generation, Memory, checkpoint_blocks, compile_blocks, generate
from mplug2.modules.blocks import blocks_of
from mplug2.modules.momentum import momentum_encoders_of
from mplug2.networks import Network
from mplug2.objectives.denominator import learned_tokens
from mplug2.objectives.losses import captioning_loss
from mplug2.planning.workload import Work, work_of
from mplug2.structures import TargetBatch

# Dense bf16 TFLOP/s without sparsity, by a part of the device's name.
PEAKS = {'H200': 989.0, 'H100': 989.0, 'A100': 312.0, 'L40': 362.0, 'A10': 125.0, '4090': 165.0}
PARTS = ('vision_encoder', 'universal', 'decoder')
WORDS = ('a', 'small', 'large', 'red', 'blue', 'nine', 'two', 'and')  # which every shipped vocabulary has
FREE = (200, 900)  # ids that no special token has


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', default='large', help='model base (default: large)')
    parser.add_argument('--pretraining', metavar='CONFIG', help='measure the step of this config instead')
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--frames', type=int, nargs='+', default=[4, 16])
    parser.add_argument('--batch', type=int, help="clips a step; 64 frames in all if left out, or the config's own")
    parser.add_argument('--tokens', type=int, default=20, help='caption length (default: 20)')
    parser.add_argument('--repeat', type=int, default=10)
    parser.add_argument(
        '--recompute',
        nargs='*',
        metavar='MODULE',
        help='recompute blocks of these in the backward pass; none named: vision and universal ones, or all with --pretraining',
    )
    parser.add_argument('--every', type=int, default=1, metavar='N', help='recompute one block in N of them (default: all)')
    parser.add_argument('--forms', nargs='+', default=['eager', 'compiled'], choices=['eager', 'compiled'])
    parser.add_argument('--sources', nargs='+', help="of --pretraining's, in place of all and their mixture")
    parser.add_argument('--backend', default='inductor', help='of torch.compile (default: inductor)')
    parser.add_argument('--static', action='store_true', help='compile for the very sizes that are measured')
    how = parser.add_mutually_exclusive_group()
    how.add_argument('--mode', help='of torch.compile, as reduce-overhead, which launches CUDA graphs')
    how.add_argument('--inductor', nargs='+', metavar='OPTION', help="of Inductor's, to be switched on, as cpp_wrapper")
    parser.add_argument(
        '--profile', type=int, default=0, metavar='ROWS', help="of --pretraining's steps: print what takes longest"
    )
    parser.add_argument('--peak', type=float, help="the device's dense bf16 TFLOP/s; known for common GPUs")
    return parser.parse_args()


def compile_parts(
    network: Network, parts: Sequence[str], args: argparse.Namespace, momentum_encoders: Sequence[torch.nn.Module] = ()
) -> None:
    options = dict.fromkeys(args.inductor, True) if args.inductor else None
    dynamic = False if args.static else None
    compile_blocks(network, parts, momentum_encoders, backend=args.backend, dynamic=dynamic, mode=args.mode, options=options)


def peak_of(args: argparse.Namespace) -> float | None:
    if args.peak is not None or args.device != 'cuda':
        return args.peak
    name = torch.cuda.get_device_name()
    return next((peak for part, peak in PEAKS.items() if part in name), None)


def print_profile(step: Callable[[], object], rows: int, device: str) -> None:
    """Where a step's time goes, kernels first on a GPU."""
    with profile() as found:
        step()
        synchronise()
    by = 'self_cpu_time_total' if device == 'cpu' else 'self_device_time_total'
    print(found.key_averages().table(by, row_limit=rows, max_name_column_width=80), flush=True)


class Step:
    """A captioning step in bf16: forward, backward, fused AdamW."""

    def __init__(self, network: Network, clips: torch.Tensor, tokens: int) -> None:
        batch = len(clips)
        self.network, self.clips = network.train(), clips
        ids = torch.randint(1, network.decoder.vocab_size, (batch, tokens), device=clips.device)
        mask = torch.ones_like(ids, dtype=torch.bool)
        samples = torch.arange(batch, device=clips.device)
        self.target = TargetBatch(ids, mask, mask, samples, torch.ones(batch, device=clips.device))
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)

    def learn(self) -> None:
        with torch.autocast(self.clips.device.type, torch.bfloat16):
            vision = self.network.encode_vision(self.clips)
            logits = self.network.decoder(self.target.ids, self.network.memory('vision', vision))
            loss = captioning_loss(logits, self.target, learned_tokens(self.target))
        loss.backward()

    def __call__(self) -> None:
        self.learn()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def flops(self) -> int:
        with FlopCounterMode(display=False) as counter:
            self.learn()
        self.optimizer.zero_grad(set_to_none=True)
        return counter.get_total_flops()


def training(args: argparse.Namespace, frames: int, peak: float | None) -> None:
    batch = args.batch or max(1, 64 // frames)
    network = network_of(args.size, *PARTS, device=args.device)
    clips = clips_of(network.vision_encoder, batch, frames).to(args.device)
    step = Step(network, clips, args.tokens)
    flops = step.flops()  # before blocks are recomputed or compiled
    if args.recompute is not None:
        checkpoint_blocks(network, args.recompute or PARTS[:2], args.every)
    first = None
    for form in args.forms:
        if form == 'compiled':
            compile_parts(network, PARTS, args)
        if args.device == 'cuda':
            torch.cuda.reset_peak_memory_stats()
        time = seconds({form: step}, args.repeat)[form]
        first = first or time
        rate = flops / time / 1e12
        utilisation = f', MFU {100 * rate / peak:.1f} %' if peak else ''
        memory = f', peak {torch.cuda.max_memory_allocated() / 1e9:.1f} GB' if args.device == 'cuda' else ''
        print(
            f'  {frames:2d} frames x {batch:2d}  {form:<9}{time * 1e3:9.1f} ms  {batch * frames / time:8.1f} frames/s  '
            f'{rate:7.2f} TFLOP/s{utilisation}{memory}, {first / time:.2f} x {args.forms[0]}',
            flush=True,
        )


class MadeUp(MultiModalDataset):
    """A source's samples without its files: the pipeline but for loading, on random pixels and words.

    Args:
        source: config of the data set. work: what its batches are. words: of captions and questions. side: pixels.
    """

    def __init__(self, source: dict, work: Work, words: int, side: int) -> None:
        self.work, self.words, self.side = work, words, side
        self.packed = type_name(source) == 'PackedText'
        super().__init__([step for step in source['pipeline'] if not type_name(step).startswith('Load')])

    def open_records(self, indices: None) -> None:
        pass

    def __len__(self) -> int:
        return 100_000

    def record(self, index: int) -> dict:
        draws, work = np.random.default_rng(index), self.work
        said = ' '.join(draws.choice(WORDS, self.words))
        found = dict(sample_id=index, media=work.media, path=f'{index}', captions=[said], question=said, answers=['red'])
        if work.media == 'text':
            found['text'] = ' '.join(draws.choice(WORDS, work.text))
            if self.packed:
                found['text'] = [101, *draws.integers(*FREE, work.text - 1).tolist()]
        else:
            frames = work.frames if work.media == 'video' else 1
            found['frames'] = draws.integers(0, 256, (frames, self.side, self.side, 3), np.uint8)
        return found


def longest(samples: list[dict]) -> list[dict]:
    """Some of a batch's samples, which alone are padded to the same lengths."""

    def length(number: int, key: str) -> int:
        value = samples[number]['inputs'][key]
        return max(len(target.ids) for target in value) if key == 'target' else len(value)

    keys = [key for key, value in samples[0]['inputs'].items() if isinstance(value, list)]
    chosen = {max(range(len(samples)), key=partial(length, key=key)) for key in keys}
    return [samples[number] for number in sorted(chosen)]


def pretraining_loop(args: argparse.Namespace, folder: str) -> PretrainLoop:
    """The loop of a pre-training config over made-up samples, its model with random weights."""
    cfg = load_config(args.pretraining)
    loader, optimizer = cfg.train_dataloader, cfg.optim_wrapper
    cfg.merge_from_dict({'model.init_cfg': None, 'model.blocks': None, 'work_dir': folder, 'log_level': 'ERROR'})
    for kind in ('train', 'val', 'test'):
        cfg.update({f'{kind}_dataloader': None, f'{kind}_cfg': None, f'{kind}_evaluator': None})
    cfg.update(optim_wrapper=None, param_scheduler=None, custom_hooks=None, launcher='none')
    cfg.pop('train_evaluator')
    runner = Runner.from_cfg(cfg)
    runner.model.init_weights()
    runner.model.train()
    side, sources = runner.model.network.vision_encoder.image_size, {}
    for name, source in loader.dataset.sources.items():
        work = work_of(source.dataset, args.batch or source.batch_size)
        made = MadeUp(source.dataset, work, args.tokens, work.side or side)
        sources[name] = {**source, 'dataset': made, 'batch_size': work.batch}
    dataset = InterleavedSources(sources, loader.dataset.get('weights'))
    sampler = InterleavingSampler(dataset, **{key: value for key, value in loader.sampler.items() if key != 'type'})
    runner.optim_wrapper = runner.build_optim_wrapper(optimizer)
    return PretrainLoop(runner, DataLoader(dataset, None, sampler=sampler, collate_fn=source_collate), max_iters=1)


def pretraining(args: argparse.Namespace, peak: float | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        loop = pretraining_loop(args, folder)
    dataset, shares = loop.dataloader.dataset, loop.dataloader.sampler.schedule.counts
    chosen = args.sources or list(shares)
    network = loop.model.network
    parts = [name for name, part in network.named_children() if any(blocks_of(part))]
    steps, flops = {}, {}
    for name in chosen:
        drawn = dataset[BatchIndex(name, range(dataset.sources[name].batch_size))]
        few = longest(drawn.samples)
        with FlopCounterMode(display=False) as counter:  # before blocks are recomputed or compiled, which takes memory
            loop.optimize([source_collate(SourceSamples(name, few, drawn.weights))])
        flops[name] = counter.get_total_flops() / len(few) * len(drawn.samples)
        steps[name] = partial(loop.optimize, [source_collate(drawn)])
    recomputed = ''
    if args.recompute is not None:
        checkpoint_blocks(network, args.recompute or parts, args.every)
        one_in = f'one in {args.every} of ' if args.every > 1 else ''
        recomputed = f', {one_in}{" and ".join(args.recompute) or "all"} blocks recomputed'
    print(f'{args.pretraining}, {parameters(network)}, a step of one batch{recomputed}')
    sizes = {name: len(step.args[0][0]['data_samples']) for name, step in steps.items()}
    for form in args.forms:
        if form == 'compiled':
            compile_parts(network, parts, args, momentum_encoders_of(loop.model))
        for step in steps.values():
            step()
        if args.device == 'cuda':
            torch.cuda.reset_peak_memory_stats()
        times = seconds(steps, args.repeat)
        rows = [(name, sizes[name], times[name], flops[name]) for name in steps]
        if len(rows) == len(shares):
            means = (np.average([row[place] for row in rows], weights=[shares[row[0]] for row in rows]) for place in (1, 2, 3))
            rows.append(('the mixture', *means))
        for name, size, time, count in rows:
            utilisation = f', MFU {100 * count / time / 1e12 / peak:.1f} %' if peak else ''
            print(
                f'  {name:<16} x {size:<5.4g} {form:<9}{time * 1e3:9.1f} ms  {size / time:8.1f} samples/s  '
                f'{count / time / 1e12:7.2f} TFLOP/s{utilisation}',
                flush=True,
            )
        if args.device == 'cuda':
            print(f'  at most {torch.cuda.max_memory_allocated() / 1e9:.1f} GB')
        for name in steps if args.profile else ():
            print(f'  {name}, {form}:')
            print_profile(steps[name], args.profile, args.device)


@torch.inference_mode()
def captioning(args: argparse.Namespace) -> None:
    network = network_of(args.size, *PARTS, device=args.device).eval()
    how = Generation(5, args.tokens, args.tokens)
    for batch in (1, 16):
        clips = clips_of(network.vision_encoder, batch, args.frames[0]).to(args.device)

        def encode(clips: torch.Tensor = clips) -> Memory:
            return network.memory('vision', network.encode_vision(clips))

        def decode(memory: Memory) -> None:
            generate(network.decoder, memory, how, 1, 2)

        with torch.autocast(args.device, torch.bfloat16):
            memory = encode()
            times = seconds({'encode': encode, 'decode': lambda memory=memory: decode(memory)}, args.repeat)
        rate = batch * args.tokens / times['decode']
        print(
            f'  {batch:2d} clips of {args.frames[0]} frames  encode {times["encode"] * 1e3:8.1f} ms, '
            f'decode {times["decode"] * 1e3:8.1f} ms: {rate:8.1f} tokens/s with 5 beams, '
            f'{batch / sum(times.values()):.2f} captions/s',
            flush=True,
        )


def main() -> None:
    args = arguments()
    torch.manual_seed(0)
    peak = peak_of(args)
    print(describe_run())
    if args.pretraining:
        pretraining(args, peak)
        return
    with torch.device('meta'):
        size = parameters(network_of(args.size, *PARTS, device='meta'))
    print(f'{args.size}, {size}, bf16 autocast' + (f'; peak {peak:.0f} TFLOP/s' if peak else ''))
    print('training step (captioning: forward, backward, AdamW)')
    for frames in args.frames:
        training(args, frames, peak)
    print(f'captions of {args.tokens} tokens')
    captioning(args)


if __name__ == '__main__':
    main()
