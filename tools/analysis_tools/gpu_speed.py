"""Speed on a GPU: how much of its peak a training step reaches, eager and compiled, and how fast captions come.

    python tools/analysis_tools/gpu_speed.py                       # Large, bf16, 4 and 16 frames
    python tools/analysis_tools/gpu_speed.py --batch 8 --recompute # what does not fit otherwise

MFU counts the floating-point operations of the forward and backward pass once (those recomputed in the backward pass do not
count) over the step's time and the GPU's dense bf16 peak.
"""

from __future__ import annotations

import argparse

import torch
from torch.utils.flop_counter import FlopCounterMode

from mplug2.cli.bench.measure import clips_of, describe_run, network_of, parameters, seconds
from mplug2.modules import Generation, Memory, Network, checkpoint_blocks, compile_blocks, generate
from mplug2.modules.losses import captioning_loss
from mplug2.structures import Targets

# Dense bf16 TFLOP/s without sparsity, by a part of the device's name.
PEAKS = {'H200': 989.0, 'H100': 989.0, 'A100': 312.0, 'L40': 362.0, 'A10': 125.0, '4090': 165.0}
PARTS = ('vision_encoder', 'universal', 'decoder')


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', default='large', help='model base (default: large)')
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--frames', type=int, nargs='+', default=[4, 16])
    parser.add_argument('--batch', type=int, help='clips a step; 64 frames in all if left out')
    parser.add_argument('--tokens', type=int, default=20, help='caption length (default: 20)')
    parser.add_argument('--repeat', type=int, default=10)
    parser.add_argument('--recompute', action='store_true', help='recompute vision and universal blocks in the backward pass')
    parser.add_argument('--backend', default='inductor', help='of torch.compile (default: inductor)')
    parser.add_argument('--peak', type=float, help="the device's dense bf16 TFLOP/s; known for common GPUs")
    return parser.parse_args()


def peak_of(args: argparse.Namespace) -> float | None:
    if args.peak is not None or args.device != 'cuda':
        return args.peak
    name = torch.cuda.get_device_name()
    return next((peak for part, peak in PEAKS.items() if part in name), None)


class Step:
    """A captioning step in bf16: forward, backward, fused AdamW."""

    def __init__(self, network: Network, clips: torch.Tensor, tokens: int) -> None:
        batch = len(clips)
        self.network, self.clips = network.train(), clips
        ids = torch.randint(1, network.decoder.vocab_size, (batch, tokens), device=clips.device)
        mask = torch.ones_like(ids, dtype=torch.bool)
        samples = torch.arange(batch, device=clips.device)
        self.target = Targets(ids, mask, mask, samples, torch.ones(batch, device=clips.device))
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)

    def learn(self) -> None:
        with torch.autocast(self.clips.device.type, torch.bfloat16):
            vision = self.network.encode_vision(self.clips)
            loss = captioning_loss(self.network.decoder(self.target.ids, vision.as_memory()), self.target)
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
    if args.recompute:
        checkpoint_blocks(network, PARTS[:2])
    for form in ('eager', 'compiled'):
        if form == 'compiled':
            compile_blocks(network, PARTS, backend=args.backend)
        if args.device == 'cuda':
            torch.cuda.reset_peak_memory_stats()
        time = seconds({form: step}, args.repeat)[form]
        if form == 'eager':
            eager = time
        rate = flops / time / 1e12
        utilisation = f', MFU {100 * rate / peak:.1f} %' if peak else ''
        memory = f', peak {torch.cuda.max_memory_allocated() / 1e9:.1f} GB' if args.device == 'cuda' else ''
        print(
            f'  {frames:2d} frames x {batch:2d}  {form:<9}{time * 1e3:9.1f} ms  {batch * frames / time:8.1f} frames/s  '
            f'{rate:7.2f} TFLOP/s{utilisation}{memory}, {eager / time:.2f} x eager',
            flush=True,
        )


@torch.inference_mode()
def captioning(args: argparse.Namespace) -> None:
    network = network_of(args.size, *PARTS, device=args.device).eval()
    how = Generation(5, args.tokens, args.tokens)
    for batch in (1, 16):
        clips = clips_of(network.vision_encoder, batch, args.frames[0]).to(args.device)

        def encode(clips: torch.Tensor = clips) -> Memory:
            return network.encode_vision(clips).as_memory()

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
