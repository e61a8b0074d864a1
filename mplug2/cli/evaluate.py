"""``mplug2 evaluate``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..config.command_line import add_overrides
from ..config.load import load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('predictions', metavar='FILE.jsonl', help='what mplug2 test --predictions wrote')
    parser.add_argument('config', help='whose test_evaluator scores them')
    parser.add_argument('--out', type=Path, help='write the metrics here as JSON')
    add_overrides(parser)


def run(args: argparse.Namespace) -> None:
    from mmengine.evaluator import Evaluator

    from ..evaluation.base import Metric
    from ..evaluation.predictions import read_lines
    from ..registry import DATASETS, METRICS, resolve
    from ..utils.files import write_text

    cfg = load_config(args.config, args.cfg_options)
    evaluator = Evaluator(resolve(cfg.test_evaluator, METRICS))
    samples = list(read_lines(args.predictions))
    detected = any('pred_instances' in sample for sample in samples)
    foreign = [type(metric).__name__ for metric in evaluator.metrics if not isinstance(metric, Metric)]
    if foreign and not detected:
        raise ValueError(f'{", ".join(foreign)} reads more than a file of predictions holds: run mplug2 test')
    if detected or any('variant' in sample for sample in samples):  # whose classes the data set knows
        evaluator.dataset_meta = DATASETS.build(resolve(cfg.test_dataloader.dataset, DATASETS)).metainfo
    evaluator.process(samples)
    metrics = {key: float(value) for key, value in evaluator.evaluate(len(samples)).items()}
    if args.out:
        write_text(args.out, json.dumps(metrics, indent=1))
    for key, value in metrics.items():
        print(f'{key:>20}  {value:.4f}')
