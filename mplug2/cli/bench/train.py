"""``mplug2 bench train``: a captioning step against the same modules in plain forms."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--size', default='base', help='model base (default: base)')
    parser.add_argument('--batch-size', type=int, default=1, help='samples (default: 1)')
    parser.add_argument('--frames', type=int, default=8)
    parser.add_argument('--tokens', type=int, default=20, help='length of the captions (default: 20)')
    parser.add_argument('--repeat', type=int, default=5, help='steps; the median is reported (default: 5)')
    parser.add_argument('--bf16', action='store_true', help='autocast the forward pass')


FORMS = {
    'plain': 'explicit softmax attention, permuted Conv3d',
    'fast': 'as used',
    'medium': "torch.set_float32_matmul_precision('medium')",  # on the CPU: products by oneDNN instead of MKL
    'recomputed': 'vision and universal blocks recomputed',
}


def steps_of(
    size: str, batch: int, frames: int, tokens: int, bf16: bool, optimise: bool = True
) -> dict[str, Callable[[], None]]:
    """Training steps (forward, backward, optionally AdamW) of one network, in each of `FORMS`."""
    import contextlib

    import torch

    from ...modules import blocks_of
    from ...objectives.denominator import learned_tokens
    from ...objectives.losses import captioning_loss
    from ...structures import TargetBatch
    from .measure import clips_of, network_of
    from .plain import plain_modules

    torch.manual_seed(0)
    network = network_of(size, 'vision_encoder', 'universal', 'decoder').train()
    clips = clips_of(network.vision_encoder, batch, frames)
    ids = torch.randint(1, network.decoder.vocab_size, (batch, tokens))
    mask = torch.ones_like(ids, dtype=torch.bool)
    target = TargetBatch(ids, mask, mask, torch.arange(batch), torch.ones(batch))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def step(form: str) -> None:
        torch.set_float32_matmul_precision('medium' if form == 'medium' else 'highest')
        for module in (network.vision_encoder, network.universal):
            for block in blocks_of(module):
                block.recompute = form == 'recomputed'
        with plain_modules() if form == 'plain' else contextlib.nullcontext():
            with torch.autocast('cpu', torch.bfloat16, enabled=bf16):
                vision = network.encode_vision(clips)
                loss = captioning_loss(network.decoder(ids, network.memory('vision', vision)), target, learned_tokens(target))
            loss.backward()
        if optimise:
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return {form: lambda form=form: step(form) for form in FORMS}


def learning_of(form: str, *sizes: Any) -> Callable[[], None]:
    """Forward and backward alone: the optimizer's state would hide the difference between the forms."""
    return steps_of(*sizes, optimise=False)[form]


def run(args: argparse.Namespace) -> None:
    from .measure import describe_run, gigabytes, peak_memory, seconds

    sizes = (args.size, args.batch_size, args.frames, args.tokens, args.bf16)
    peaks = {form: peak_memory(learning_of, form, *sizes) for form in FORMS}
    times = seconds(steps_of(*sizes), args.repeat)  # the last form leaves the default precision behind
    print(describe_run())
    kind = 'bf16 autocast' if args.bf16 else 'fp32'
    print(f'{args.size}, {kind}, captioning step (forward, backward, AdamW): {args.batch_size} clips of {args.frames} frames')
    for form, description in FORMS.items():
        built, peak = peaks[form]
        print(f'  {form:<11}{times[form]:8.3f} s   activations and gradients {gigabytes(peak - built)}   {description}')
    for form in ('fast', 'medium'):
        print(f'  plain / {form:<7}{times["plain"] / times[form]:6.2f} x')
