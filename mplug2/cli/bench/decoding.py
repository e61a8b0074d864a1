"""``mplug2 bench decoding``: how near a generation comes to the time that reading its weights and caches takes."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--size', default='base', help='model base (default: base)')
    parser.add_argument('--batch-size', type=int, default=1, help='samples (default: 1)')
    parser.add_argument('--frames', type=int, default=3, help='frames whose tokens are the memory (default: 3)')
    parser.add_argument('--beams', type=int, nargs='+', default=[1, 5])
    parser.add_argument('--tokens', type=int, default=20, help='exact number of generated tokens (default: 20)')
    parser.add_argument('--repeat', type=int, default=3, help='runs; the median is reported (default: 3)')


def run(args: argparse.Namespace) -> None:
    import copy
    import time

    import torch

    from ...modules import Generation, Memory, generate
    from ...modules.packing import WEIGHTS, pack
    from .measure import describe_run, gigabytes, network_of, parameters, seconds

    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = network_of(args.size, 'vision_encoder', 'decoder').eval()
    encoder, decoder = network.vision_encoder, network.decoder
    tokens = encoder.num_prefix_tokens + args.frames * (encoder.image_size // encoder.patch_size) ** 2
    memory = Memory(torch.randn(args.batch_size, tokens, decoder.memory_width))
    forms = {'as they are': decoder} | {kind: copy.deepcopy(decoder) for kind in WEIGHTS}
    for kind in WEIGHTS:
        pack(forms[kind], kind)
    # A step reads every weight but what projects the memory, the word table as the head; and the memory's keys and values.
    layers = decoder.layers
    read = sum(weight.numel() for layer in layers for weight in layer.parameters()) + decoder.word_table.numel()
    read -= sum(weight.numel() for layer in layers for weight in layer.cross_attention.key_value.parameters())
    weights, caches = 4 * read, 4 * 2 * len(layers) * memory.tokens.numel()
    block = torch.ones(2**26)  # 256 MB, more than the caches of most processors
    bandwidth = 4 * block.numel() / seconds({'sum': block.sum}, 9, time.process_time)['sum']
    limit = args.tokens * (weights + caches) / bandwidth
    print(describe_run())
    print(f'{args.size} decoder, {parameters(decoder)}, fp32; {args.batch_size} samples, {tokens} memory tokens')
    print(f'a step reads {gigabytes(weights)} of weights and {gigabytes(caches)} of caches, at {gigabytes(bandwidth)}/s')
    print(f'limit of fp32: {limit:.3f} s; seconds are of the processor, of one thread')
    for beams in args.beams:
        settings, ids = Generation(beams, args.tokens, args.tokens), {}

        @torch.inference_mode()
        def search(form: str, settings: Generation = settings, ids: dict = ids) -> None:
            ids[form] = [best.ids for best, *_ in generate(forms[form], memory, settings, 101, 102)]

        @torch.inference_mode()
        def prefill() -> None:
            decoder.prefill(torch.full((args.batch_size, 1), 101), memory)

        times = seconds(
            {'prefill': prefill, **{form: lambda form=form: search(form) for form in forms}}, args.repeat, time.process_time
        )
        print(f'{beams} beams; the memory is projected in {times["prefill"]:.3f} s of each')
        for form in forms:
            same = 'ids agree' if ids[form] == ids['as they are'] else 'ids differ'
            near = limit / (times[form] - times['prefill'])
            ratio = times['as they are'] / times[form]
            print(f'  weights {form:<12}{times[form]:8.3f} s   {ratio:5.2f} x   steps reach {near:4.0%} of the limit   {same}')
