"""What a training needs, before it runs on a GPU: memory by part, FLOPs, time, and samples per second.

Steps are traced without storage (`trace`). By formula come the optimizer's state, what data parallelism adds, and the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .trace import Step, build, recomputed, trace
from .workload import Work


class GPU(NamedTuple):
    """memory: bytes. bf16, fp32: FLOPs a second at best, dense, of tensor cores and without (the makers' data sheets)."""

    memory: float
    bf16: float
    fp32: float


GPUS = {
    'a100': GPU(80e9, 312e12, 19.5e12),  # SXM, 80 GB
    'h100': GPU(80e9, 989e12, 67e12),  # SXM
    'h200': GPU(141e9, 989e12, 67e12),
}
# Copies of the trainable weights, in fp32, that an optimizer keeps.
OPTIMIZER_COPIES = {'Adam': 2, 'AdamW': 2, 'NAdam': 2, 'RAdam': 2, 'Adamax': 2, 'SGD': 1, 'RMSprop': 1, 'Adagrad': 1}


class Plan(NamedTuple):
    """Of a training on several GPUs. Bytes are those on each.

    works: what the batches are for. steps: for each a `Step` that keeps its activations, one that recomputes them in all blocks
    and, if the config's ``model.blocks`` names some of them, one that does as it says: `forms`. shares:
    GPUs over which weights, gradients and optimizer state are sharded. batches_per_step: batches of an optimizer step.
    optimizer: its state. communication: data parallelism's copies of the gradients, or of the weights that are gathered and
        their gradients.
    seconds: of an optimizer step, on average. samples: that each GPU takes a second, on average.
    """

    works: list[Work]
    steps: list[tuple[Step, ...]]
    shares: int
    batches_per_step: int
    optimizer: int
    communication: int
    seconds: float
    samples: float

    @property
    def forms(self) -> tuple[str, ...]:
        return ('activations kept', 'recomputed', 'as configured')[: len(self.steps[0])]

    def parts(self, number: int, form: int) -> dict[str, float]:
        """Bytes by part, in batches of work `number`. form: number of one of `forms`."""
        step = self.steps[number][form]
        return dict(
            weights=step.weights / self.shares,
            gradients=step.gradients / self.shares,
            optimizer=self.optimizer,
            communication=self.communication,
            momentum_encoder=step.momentum_encoder - step.momentum_blocks + step.momentum_blocks / self.shares,
            queue=step.queue,
            batch=step.batch,
            casts=step.casts,
            activations=step.activations,
        )

    def peak(self, number: int, form: int) -> float:
        """The most bytes of tensors at a time, in batches of work `number`. form: as in `parts`.

        Of a sharded model, or where a step takes several batches, whose gradients are there from the first on: all parts.
        """
        if self.shares > 1 or self.batches_per_step > 1:
            return sum(self.parts(number, form).values())
        return self.steps[number][form].peak + self.optimizer + self.communication

    def workers(self, rates: Sequence[float]) -> float:
        """Workers that load what a GPU takes.

        Args:
            rates: samples a second of a worker: one for all works, or one for each.

        Raises:
            ValueError: there are others.
        """
        if len(rates) not in (1, len(self.works)):
            raise ValueError(f'{len(rates)} rates of workers for {len(self.works)} batches: give one, or one for each')
        rates = list(rates) * (len(self.works) // len(rates))
        loading = [work.batch / rate for work, rate in zip(self.works, rates, strict=True)]
        return _mean(self.works, loading) * self.batches_per_step / self.seconds


def _mean(works: list[Work], values: list[float]) -> float:
    return sum(work.share * value for work, value in zip(works, values, strict=True)) / sum(work.share for work in works)


def make_plan(
    model_cfg: dict,
    works: list[Work],
    gpus: int,
    gpu: GPU,
    optimizer: str = 'AdamW',
    bf16: bool = True,
    mfu: float = 0.15,
    sharded: bool = False,
    batches_per_step: int = 1,
) -> Plan:
    """Plan a training in data parallel.

    Args:
        model_cfg, bf16: as in `trace`. works: one a source. optimizer: class name. mfu: share of the GPU's FLOPs that is
            reached, of what forward and backward need once: recomputing lowers it. sharded: by FSDP2. batches_per_step: batches
            of a step.

    Raises:
        KeyError: an optimizer whose state is not known.
    """
    if optimizer not in OPTIMIZER_COPIES:
        raise KeyError(f'how much {optimizer} keeps is not known; known are {", ".join(OPTIMIZER_COPIES)}')
    forms: list[dict | None] = [None, {}]
    blocks = model_cfg.get('blocks') or {}
    own = dict(names=blocks.get('recompute', ()), every=blocks.get('every', 1))
    if 0 < recomputed(build(model_cfg), **own) < 1:
        forms.append(own)
    steps = [tuple(trace(model_cfg, work, bf16, form) for form in forms) for work in works]
    first = steps[0][0]
    shares = gpus if sharded else 1
    seconds = _mean(works, [plain.flops for plain, *_ in steps]) / ((gpu.bf16 if bf16 else gpu.fp32) * mfu)
    return Plan(
        works=works,
        steps=steps,
        shares=shares,
        batches_per_step=batches_per_step,
        optimizer=OPTIMIZER_COPIES[optimizer] * first.gradients // shares,
        communication=0 if gpus == 1 else 2 * first.gathered if sharded else first.gradients,
        seconds=seconds * batches_per_step,
        samples=_mean(works, [work.batch for work in works]) / seconds,
    )
