"""Starts the second stage of Kinetics from the first: selects the rows of the 710-way head for a set's classes.

    python tools/weights/kinetics_head.py work_dirs/video_classification/mplug2_base_kinetics710/iter_101600.pth \\
        data/kinetics710/map_kinetics400.json weights/mplug2_base_kinetics710_to_400.pth
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from mplug2.checkpoints import read_state, save_checkpoint
from mplug2.datasets.io.annotations import read_json

HEAD = 'tasks.classification.head.'


def pick_rows(state: dict[str, Tensor], labels: list[int]) -> dict[str, Tensor]:
    """The state dict with the head's rows of `labels`, in that order.

    Raises:
        ValueError: the checkpoint has no classification head, or one with fewer classes.
    """
    if f'{HEAD}weight' not in state:
        raise ValueError(f'the checkpoint has no {HEAD}weight: it is not one of image or video classification')
    classes = len(state[f'{HEAD}weight'])
    if max(labels) >= classes:
        raise ValueError(f'the map has label {max(labels)}, but the head has {classes} classes')
    rows = torch.tensor(labels)
    return {key: value.index_select(0, rows) if key.startswith(HEAD) else value for key, value in state.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='of the mixture')
    parser.add_argument('map', type=Path, help='map_kinetics400.json, ... of tools/data/kinetics.py mix')
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    labels = read_json(args.map)
    state = pick_rows(dict(read_state(args.checkpoint)), labels)
    save_checkpoint(dict(meta=dict(source=args.checkpoint), state_dict=state), args.out)
    print(f'{args.out}: a head of {len(labels)} classes')


if __name__ == '__main__':
    main()
