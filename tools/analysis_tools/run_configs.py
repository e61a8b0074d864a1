"""Runs every config at a tiny size on the mini benchmark: one training step, one test, its metrics.

    python tools/analysis_tools/run_configs.py [NAME ...]

Runs all shipped configs without NAME. A NAME may be a prefix, such as video_qa. Exits with 1 if a config fails. The mini
benchmark is built very small in a temporary folder, unless --data names one.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import traceback
from pathlib import Path

from mmengine.logging import MMLogger

from mplug2.config.load import load_config, shipped_configs
from mplug2.engine.runner import build_runner
from mplug2.testing.shrink import shrink


def names(prefixes: list[str]) -> list[str]:
    """Shipped configs whose names start with one of the prefixes."""
    return [name for name in shipped_configs() if not prefixes or name.startswith(tuple(prefixes))]


def run(name: str, data: Path, out: Path) -> dict[str, float]:
    """Train a step, validate and test. Returns the test's metrics."""
    cfg = shrink(load_config(name), data, out / name)
    cfg.log_level = 'ERROR'
    cfg.experiment_name = name.replace('/', '_') + f'_{time.time_ns()}'
    if cfg.get('train_cfg'):
        build_runner(cfg).train()
        cfg.load_from = str(out / name / 'iter_1.pth')
    if not cfg.get('test_cfg'):
        return {}
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'val_dataloader', 'val_cfg', 'val_evaluator'):
        cfg[key] = None
    cfg.custom_hooks = None
    cfg.experiment_name += '_test'
    return build_runner(cfg).test()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*')
    parser.add_argument('--data', type=Path, help='folder of an existing mini benchmark')
    args = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        data = args.data
        if data is None:
            from mplug2 import mini

            data = mini.build(out / 'mini', workers=1, scale=0.01)
        for name in names(args.names):
            start = time.perf_counter()
            try:
                metrics = run(name, data, out)
                shown = ', '.join(f'{key} {value:.3g}' for key, value in list(metrics.items())[:3])
                print(f'ok    {time.perf_counter() - start:5.1f} s  {name}: {shown}', flush=True)
            except Exception:  # run the other configs after any failure
                failed.append(name)
                print(f'FAIL  {time.perf_counter() - start:5.1f} s  {name}\n{traceback.format_exc()}', flush=True)
            finally:
                MMLogger.get_current_instance().setLevel(logging.ERROR)
    print(f'{len(failed)} failed' + ''.join(f'\n  {name}' for name in failed))
    sys.exit(bool(failed))


if __name__ == '__main__':
    main()
