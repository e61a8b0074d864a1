"""``mplug2 bench vision``: the vision encoder against plain forms, and the peak memory of an inference."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--size', default='base', help='model base whose encoder is timed (default: base)')
    parser.add_argument('--batch-size', type=int, default=1, help='clips (default: 1)')
    parser.add_argument('--frames', type=int, default=8)
    parser.add_argument('--repeat', type=int, default=5, help='runs; the median is reported (default: 5)')
    parser.add_argument('--memory-size', default='large', help='model base for the memory of an inference (default: large)')
    parser.add_argument('--memory-frames', type=int, default=16, help='frames of that inference (default: 16)')


def captioning_of(size: str, frames: int) -> Callable[[], Any]:
    """Caption one clip under an instruction, with every module of the network, 5 beams and 20 tokens."""
    import torch

    from ...modules import Generation, generate
    from ...networks import Features
    from ...structures import Batch, Tokens
    from .measure import clips_of, network_of

    network = network_of(size, 'vision_encoder', 'text_encoder', 'universal', 'fusion', 'decoder').eval()
    clip = clips_of(network.vision_encoder, 1, frames)
    text = Tokens(torch.full((1, 8), 7), torch.ones(1, 8, dtype=torch.bool))

    def caption() -> None:
        with torch.inference_mode():
            memory = Features(network, Batch(frames=clip, text=text)).memory('fused')
            generate(network.decoder, memory, Generation(5, 20, 20), 101, 102)

    return caption


def run(args: argparse.Namespace) -> None:
    import torch

    from .measure import clips_of, describe_run, gigabytes, network_of, parameters, peak_memory, seconds
    from .plain import plain_modules

    built, peak = peak_memory(captioning_of, args.memory_size, args.memory_frames)
    torch.manual_seed(0)
    encoder = network_of(args.size, 'vision_encoder').vision_encoder
    clips = clips_of(encoder, args.batch_size, args.frames)

    def infer() -> None:
        with torch.inference_mode():
            encoder.eval()(clips)

    def learn() -> None:
        encoder.train()(clips).tokens.square().mean().backward()
        encoder.zero_grad(set_to_none=True)

    def plainly(call: Callable[[], None]) -> Callable[[], None]:
        def plain() -> None:
            with plain_modules():
                call()

        return plain

    calls = {'infer': infer, 'infer, plain': plainly(infer), 'learn': learn, 'learn, plain': plainly(learn)}
    times = seconds(calls, args.repeat)
    print(describe_run())
    print(f'{args.size} vision encoder, {parameters(encoder)}, fp32: {args.batch_size} clips of {args.frames} frames')
    for name, label in (('infer', 'forward'), ('learn', 'forward and backward')):
        fast, plain = times[name], times[f'{name}, plain']
        rate = args.batch_size * args.frames / fast
        print(f'  {label:<22}{fast:8.3f} s  {rate:7.2f} frames/s   plain {plain:8.3f} s   ratio {plain / fast:5.2f} x')
    print(f'{args.memory_size}, all modules, one clip of {args.memory_frames} frames, caption of 20 tokens with 5 beams, fp32:')
    print(f'  peak resident memory {gigabytes(peak)} ({gigabytes(built)} once the model was built)')
