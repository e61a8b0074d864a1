"""``mplug2 gap``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..config.command_line import add_overrides
from ..config.load import load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='a retrieval config: its test has the pairs')
    parser.add_argument('weights', nargs='+', help='checkpoints, work directories or shipped weights; a panel for each')
    parser.add_argument('--plot', type=Path, metavar='FILE.png', help='draw the embeddings here')
    parser.add_argument('--projection', choices=['pca', 'umap'], default='pca', help='of the plot (default pca)')
    add_overrides(parser)


def run(args: argparse.Namespace) -> None:
    from ..engine.embedding_pairs import build_embedder, embed_pairs
    from ..visualization import draw_gap, modality_gap

    cfg = load_config(args.config, args.cfg_options)
    variants = {}
    for weights in args.weights:
        pairs = embed_pairs(cfg, build_embedder(cfg, weights))['embedding']
        variants[Path(weights).stem] = pairs
        gap = {name: round(value, 4) for name, value in modality_gap(*pairs).items()}
        print(json.dumps(dict(weights=weights, pairs=len(pairs.vision)) | gap), flush=True)
    if args.plot:
        print(draw_gap(variants, args.plot, kind='vision', projection=args.projection))
