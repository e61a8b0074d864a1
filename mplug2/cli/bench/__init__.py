"""``mplug2 bench``; each measurement is a module of this folder with ``add_arguments`` and ``run``."""

from __future__ import annotations

import argparse
from importlib import import_module

MEASUREMENTS = {
    'annotations': 'a long annotation file until its first sample: time and memory',
    'search': 'search in an index of a million embeddings, and the retrieval of a large gallery: time, memory and recall',
    'loader': 'the loader, the training step of a config, and both together',
    'generation': 'cached beam search against one that re-runs the prefix and projects the memory for every beam',
    'decoding': 'how near a generation comes to the time that reading weights and caches takes',
    'inference': 'captions of files against generation alone, on batches that are read',
    'peers': 'models of the field against transformers with the same weights',
    'train': 'a training step against explicit softmax attention and a permuted Conv3d, time and memory',
    'vision': 'the vision encoder against the same plain forms, and the peak memory of an inference',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    measurements = parser.add_subparsers(dest='measurement', metavar='MEASUREMENT', required=True)
    for name, summary in MEASUREMENTS.items():
        import_module(f'.{name}', __name__).add_arguments(
            measurements.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + '.')
        )


def run(args: argparse.Namespace) -> None:
    import_module(f'.{args.measurement}', __name__).run(args)
