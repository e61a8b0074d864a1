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
from typing import Any

import mini_results
import torch
from mini_rows import ROWS
from mmengine.config import Config
from torch import Tensor

from mplug2 import registry
from mplug2.checkpoints import Policy, best_checkpoint, latest_checkpoint, load
from mplug2.config.load import load_config
from mplug2.datasets.collate import pad
from mplug2.engine.runner import Runner
from mplug2.registry import resolve
from mplug2.structures import Tokens
from mplug2.utils.files import write_text
from mplug2.visualization import draw_gap, modality_gap

MINI = {
    'universal layers': 'video_text_retrieval_brief',
    'layers for text alone': 'video_text_retrieval_unshared',
    'no instruction': 'video_text_retrieval_no_instruction',
}


def build(cfg: Config, checkpoint: Path | None) -> Any:
    """The model of a config with the weights of a checkpoint, or with those that the config names.

    Raises:
        ValueError: none of its tasks embeds images or clips and texts.
    """
    own = cfg.model if checkpoint is None else cfg.model | dict(init_cfg=None)
    model = registry.MODELS.build(resolve(own, registry.MODELS))
    if not any(hasattr(task, 'embed_vision') for task in model.tasks.values()):
        raise ValueError(f'none of the tasks {", ".join(model.tasks)} embeds images or clips and texts')
    if checkpoint is None:
        model.init_weights()
    else:
        load(model, checkpoint, Policy.RESUME)
    return model.to('cuda' if torch.cuda.is_available() else 'cpu').eval()


@torch.no_grad()
def embed(cfg: Config, model: Any) -> dict[str, tuple[Tensor, Tensor]]:
    """Vision and text (N, E) of the test's images or clips with their first texts: ``embedding``, the task's embeddings, and
    ``class_token``, the network's own class tokens (N, C) before the task's projections."""
    task = next(task for task in model.tasks.values() if hasattr(task, 'embed_vision'))
    features: dict[str, tuple[list[Tensor], list[Tensor]]] = dict(embedding=([], []), class_token=([], []))
    for batch in Runner.build_dataloader(cfg.test_dataloader):
        data = model.data_preprocessor(batch, False)
        frames = data['inputs']['frames']
        vision = model.network.encode_vision(frames)
        ids, mask = pad([list(sample.texts[0]) for sample in data['data_samples']])
        text = model.network.encode_text(Tokens(ids.to(frames.device), mask.to(frames.device)))
        for name, pair in dict(
            embedding=(task.embed_vision(vision), task.embed_text(text)), class_token=(vision.pooled, text.pooled)
        ).items():
            for side, part in zip(features[name], pair, strict=True):
                side.append(part.float().cpu())
    return {name: tuple(torch.cat(side) for side in sides) for name, sides in features.items()}


def measure(cfg: Config, checkpoint: Path | None) -> tuple[dict[str, float], tuple[Tensor, Tensor]]:
    """Gaps of a model (those of the class tokens under ``class_token/``), and its embeddings."""
    embeddings = embed(cfg, build(cfg, checkpoint))
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
