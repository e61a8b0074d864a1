"""Measures the modality gap of trained models and draws it (Figure 4), with and without universal layers and instructions.

    python experiments/modality_gap.py docs/images/modality_gap.png          # on the mini benchmark
    python experiments/modality_gap.py gap.png --variant mPLUG-2 video_text_retrieval/mplug2_base_msrvtt_zeroshot -

Without --variant the variants are rows of mini_results.py with three seeds, which are trained first if necessary; their gaps
are added to the results of those rows. A variant is a title, a config with a retrieval or contrastive task, and a checkpoint or
work directory for each seed; - means the weights that the config names. The figure shows each variant's first checkpoint. A
table prints means and standard deviations over all checkpoints; with --variant, a JSON file beside the figure has all gaps.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean, stdev

import mini_results
from mini_rows import ROWS
from mmengine.config import Config
from torch import Tensor

from mplug2.checkpoints import best_checkpoint, latest_checkpoint
from mplug2.config.load import load_config
from mplug2.engine.embedding_pairs import build_embedder, embed_pairs
from mplug2.utils.files import write_text
from mplug2.visualization import draw_gap, modality_gap

MINI = {
    'universal layers': 'video_text_retrieval_brief',
    'layers for text alone': 'video_text_retrieval_unshared',
    'no instruction': 'video_text_retrieval_no_instruction',
}


def measure(cfg: Config, checkpoint: Path | None) -> tuple[dict[str, float], tuple[Tensor, Tensor]]:
    """Gaps of a model (those of the class tokens under ``class_token/``), and its embeddings."""
    embeddings = embed_pairs(cfg, build_embedder(cfg, checkpoint))
    gaps = modality_gap(*embeddings['embedding'])
    gaps |= {f'class_token/{key}': value for key, value in modality_gap(*embeddings['class_token']).items()}
    return gaps, embeddings['embedding']


def find_checkpoint(source: str) -> Path | None:
    """The best or else the last checkpoint of a work directory, a file itself, None for '-'.

    Raises:
        FileNotFoundError: no checkpoint.
    """
    if source == '-':
        return None
    path = Path(source)
    checkpoint = (best_checkpoint(path) or latest_checkpoint(path)) if path.is_dir() else path
    if checkpoint is None or not Path(checkpoint).is_file():
        raise FileNotFoundError(f'no checkpoint in {source}: has training run there?')
    return Path(checkpoint)


def mini_variants(out: Path) -> tuple[dict[str, tuple[Config, list[str]]], list[list[Path]]]:
    """Variants of the mini benchmark, trained if necessary, and the folder of each run."""
    variants, run_folders = {}, []
    for title, name in MINI.items():
        row = ROWS[name]
        runs = [mini_results.run(row, seed, out) for seed in row.seeds]
        variants[title] = (load_config(row.config, row.options), [run['folder'] for run in runs])
        run_folders.append([out / name / f'seed_{run["seed"]}' for run in runs])
    return variants, run_folders


def table(variants: dict[str, list[dict[str, float]]]) -> str:
    """Markdown table: one row for each variant, mean and standard deviation over its seeds."""
    names = list(next(iter(variants.values()))[0])
    lines = [f'| variant | {" | ".join(names)} | seeds |', f'|---|{"--:|" * (len(names) + 1)}']
    for title, gaps in variants.items():
        cells = []
        for name in names:
            values = [run_gaps[name] for run_gaps in gaps]
            cells.append(f'{mean(values):.3f}' + (f' ± {stdev(values):.3f}' if len(values) > 1 else ''))
        lines.append(f'| {title} | {" | ".join(cells)} | {len(gaps)} |')
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, help='the image to write')
    parser.add_argument(
        '--variant', nargs='+', action='append', default=[], metavar='TITLE CONFIG CHECKPOINT', help='CHECKPOINT: one or more'
    )
    args = parser.parse_args()
    if any(len(variant) < 3 for variant in args.variant):
        parser.error('--variant needs a title, a config, and a checkpoint for each seed')
    if args.variant:
        variants, run_folders = {title: (load_config(config), runs) for title, config, *runs in args.variant}, []
    else:
        variants, run_folders = mini_variants(mini_results.OUT)
    gaps: dict[str, list[dict[str, float]]] = {}
    embeddings = {}
    for title, (cfg, runs) in variants.items():
        measured = [measure(cfg, find_checkpoint(run)) for run in runs]
        gaps[title], embeddings[title] = [run_gaps for run_gaps, _ in measured], measured[0][1]
    for folders, run_gaps in zip(run_folders, gaps.values(), strict=bool(run_folders)):
        for folder, gap in zip(folders, run_gaps, strict=True):
            write_text(folder / mini_results.MEASURED, json.dumps(gap, indent=1))
    if run_folders:
        mini_results.write(list(ROWS.values()))
    media = {next(iter(cfg.model.tasks.values())).get('media', 'video') for cfg, _ in variants.values()}
    draw_gap(embeddings, args.out, kind='clip' if media == {'video'} else 'image')
    if not run_folders:
        write_text(args.out.with_suffix('.json'), json.dumps(gaps, indent=1) + '\n')
    print(table(gaps))


if __name__ == '__main__':
    main()
