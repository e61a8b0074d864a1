"""``mplug2 bench generation``: beam search with caches and shared memories against a plain one."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--size', default='base', help='model base (default: base)')
    parser.add_argument('--batch-size', type=int, default=1, help='samples (default: 1)')
    parser.add_argument('--frames', type=int, default=8, help='frames whose tokens are the memory (default: 8)')
    parser.add_argument('--beams', type=int, default=5)
    parser.add_argument('--tokens', type=int, default=20, help='exact number of generated tokens (default: 20)')
    parser.add_argument('--repeat', type=int, default=3, help='runs; the median is reported (default: 3)')


def run(args: argparse.Namespace) -> None:
    import torch

    from ...modules import Generation, Memory, generate
    from .measure import describe_run, network_of, parameters, seconds
    from .plain import plain_beam_search

    torch.manual_seed(0)
    network = network_of(args.size, 'vision_encoder', 'decoder').eval()
    encoder, decoder = network.vision_encoder, network.decoder
    tokens = encoder.num_prefix_tokens + args.frames * (encoder.image_size // encoder.patch_size) ** 2
    memory = Memory(torch.randn(args.batch_size, tokens, decoder.memory_width))
    options = Generation(args.beams, args.tokens, args.tokens, num_return=args.beams)
    hypotheses: dict[str, list] = {}

    def searching(name: str, search):
        return lambda: hypotheses.update(
            {name: search(decoder, memory, options, 101 % decoder.vocab_size, 102 % decoder.vocab_size)}
        )

    times = seconds({'cached': searching('cached', generate), 'plain': searching('plain', plain_beam_search)}, args.repeat)
    same = [[h.ids for h in sample] for sample in hypotheses['cached']] == [
        [h.ids for h in sample] for sample in hypotheses['plain']
    ]
    print(describe_run())
    print(f'{args.size} decoder, {parameters(decoder)}, fp32; memory of {tokens} tokens ({args.frames} frames), precomputed')
    print(f'{args.batch_size} samples, {args.beams} beams, {args.tokens} tokens; median of {args.repeat}')
    rate = args.batch_size * args.tokens
    for name, label in (('plain', 're-runs the prefix and projects the memory for every beam'), ('cached', 'as used')):
        print(f'  {name:<8}{times[name]:9.3f} s  {rate / times[name]:8.2f} tokens/s   {label}')
    print(f'  ratio   {times["plain"] / times["cached"]:9.1f} x   ids of all beams {"agree" if same else "DIFFER"}')
