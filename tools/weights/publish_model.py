"""Writes the weights of a checkpoint for publication, without optimizer, logs, and state that only training uses.

    python tools/weights/publish_model.py work_dirs/mini/pretrain mplug2_tiny.safetensors --half --config mini/pretrain

What tasks declare as `training_state` is left out: momentum encoders and queues.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mplug2.apis.sources import from_config
from mplug2.checkpoints import CheckpointError, find_weights, load_checkpoint, read_state, write_state
from mplug2.checkpoints.loading import matches
from mplug2.pretrained import describe
from mplug2.registry import TASKS
from mplug2.utils.files import write_text


def publish(checkpoint: Mapping[str, Any], average: bool | None = None, half: bool = False) -> dict[str, Tensor]:
    """Weights of a checkpoint that a prediction uses.

    Args:
        average: the moving average of the weights (`AverageWeights`): True, or False for the last; None: where there is one.
        half: floating point as float16.

    Raises:
        CheckpointError: the checkpoint has no average, or no weights.
    """
    if average and not checkpoint.get('average'):
        raise CheckpointError('the checkpoint has no average of the weights: train with AverageWeights among custom_hooks')
    state = read_state(checkpoint, average is not False)
    TASKS.import_from_location()
    patterns = {f'tasks.*.{pattern}' for task in TASKS.module_dict.values() for pattern in task.training_state}
    kept = {key: value for key, value in state.items() if not matches(key, patterns)}
    return {key: value.half() if half and value.is_floating_point() else value for key, value in kept.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('out', type=Path, help='a .safetensors file')
    parser.add_argument(
        '--average',
        action=argparse.BooleanOptionalAction,
        help='the moving average of the weights, or the last; the average if there is one',
    )
    parser.add_argument('--half', action='store_true', help='in half precision')
    parser.add_argument('--config', help="write what a model folder's config.json holds of this config beside, as NAME.json")
    args = parser.parse_args()
    state = publish(load_checkpoint(find_weights(args.checkpoint)), args.average, args.half)
    write_state(state, args.out)
    if args.config:
        write_text(args.out.with_suffix('.json'), json.dumps(describe(from_config(args.config, state)), indent=1))
    print(f'{args.out}: {len(state)} tensors, {args.out.stat().st_size / 2**20:.1f} MiB')


if __name__ == '__main__':
    main()
