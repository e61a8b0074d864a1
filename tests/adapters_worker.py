"""One of two processes that share a model with adapters out and train it: ``python -m tests.adapters_worker``."""

from __future__ import annotations

import json
import os
import sys

import torch
import torch.distributed as dist

from mplug2.checkpoints.load import Policy, load
from mplug2.engine.parallel.sharding import shard_model
from mplug2.model import MPlug2
from mplug2.utils.dtensor import full_tensor
from tests.test_adapters import ADAPTERS, build, loss


def losses(model: MPlug2, steps: int = 3) -> list[float]:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.05)
    values = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model)
        value.backward()
        optimizer.step()
        values.append(value.item())
    return values


def main() -> None:
    dist.init_process_group('gloo')
    single, sharded, again = (build(ADAPTERS, seed) for seed in (0, 0, 9))
    shard_model(sharded)
    shard_model(again)
    report = dict(single=losses(single), sharded=losses(sharded))
    whole = {key: full_tensor(value) for key, value in sharded.state_dict().items()}
    load(again, whole, Policy.RESUME)
    report.update(keys=list(whole) == list(single.state_dict()), resumed=loss(again).item(), going_on=loss(sharded).item())
    print('REPORT' + json.dumps(report), flush=True)
    sys.stdout.flush()
    os._exit(0)  # gloo's threads outlive the group


if __name__ == '__main__':
    main()
