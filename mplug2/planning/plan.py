"""What a training needs, before it runs on a GPU: memory by part, FLOPs, time, and samples per second.

A step of the config's model runs on tensors that have shapes but no storage (PyTorch's fake tensors), and every
allocation, every release and every matrix product of it is counted. Nothing is estimated by formula but the optimizer's
state, what data parallelism adds, and the time.

Letters in shapes: B samples, T frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.utils._pytree import tree_leaves

from ..model import MPlug2
from ..modules.blocks import blocks_of, checkpoint_blocks
from ..modules.contracts import Decoder, VisionEncoder
from ..modules.momentum import MomentumEncoder, momentum_encoders_of
from ..modules.queue import FeatureQueue
from ..networks import Features
from ..registry import MODELS
from ..structures import Batch, MultiModalDataSample, TargetBatch, Tokens
from ..tasks import InputKind
from .live_memory import LiveMemory, fused_attention
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


class Step(NamedTuple):
    """What a step takes. All in bytes, but FLOPs.

    weights, gradients: in full. momentum encoder, queue: the momentum encoder's weights, and the features of earlier steps.
    batch: the inputs. casts: bf16 copies of weights. activations: alive when the loss is known. peak: the most that was alive
    at a time, all of these included (gradients come while activations go). gathered: weights that are whole on every GPU while
    a sharded model computes. flops: forward and backward. momentum_blocks: of the momentum encoder, what a sharded model shards
    of it.
    """

    weights: int
    gradients: int
    momentum_encoder: int
    queue: int
    batch: int
    casts: int
    activations: int
    peak: int
    gathered: int
    flops: int
    momentum_blocks: int


def batch_of(model: MPlug2, work: Work) -> Batch:
    """A batch with whatever the tasks read (`Task.inputs`), as far as the kind of media has it."""
    count = work.batch
    wanted = {name: kind for task in work.tasks for name, kind in model.tasks[task].inputs.items()}
    if work.media == 'text':
        wanted = {name: kind for name, kind in wanted.items() if kind is not InputKind.FRAMES}

    def tokens(length: int) -> Tokens:
        ids = torch.zeros(count, length, dtype=torch.long)
        return Tokens(ids, torch.ones(count, length, dtype=torch.bool), torch.zeros_like(ids))

    def frames() -> Tensor:
        side = work.side or next(part for part in model.network.children() if isinstance(part, VisionEncoder)).image_size
        return torch.zeros(count, work.frames if work.media == 'video' else 1, 3, side, side)

    def target() -> TargetBatch:
        ids, mask, _ = tokens(work.target)
        return TargetBatch(ids, mask, mask, torch.arange(count), torch.ones(count))

    examples = {
        InputKind.FRAMES: frames,
        InputKind.TEXT: lambda: tokens(work.text),
        InputKind.INSTRUCTION: lambda: tokens(work.instruction),
        InputKind.MASKED: lambda: tokens(math.ceil(0.15 * work.text)),
        InputKind.TARGET: target,
        InputKind.LABEL: lambda: torch.zeros(count, dtype=torch.long),
        InputKind.MEDIA_ID: lambda: torch.arange(count),
        InputKind.SPAN: lambda: torch.zeros(count, 2, dtype=torch.long),
    }
    inputs = {name: examples[kind]() if isinstance(kind, InputKind) else kind(count) for name, kind in wanted.items()}
    samples = [MultiModalDataSample(metainfo=dict(media=work.media)) for _ in range(count)]
    return Batch(samples=samples, **inputs)


def build(model_cfg: dict) -> MPlug2:
    """A config's model in training mode. Under `FakeTensorMode` it takes no storage, whatever its size.

    Raises:
        ValueError: it is not an `MPlug2`.
    """
    with torch.device('meta'):
        model = MODELS.build({key: value for key, value in model_cfg.items() if key not in ('blocks', 'init_cfg')})
    if not isinstance(model, MPlug2):
        raise ValueError(f"the config's model is a {type(model).__name__}; a plan is made of an MPlug2")
    return model.train()


def materialise(model: torch.nn.Module) -> None:
    """Move a model from the meta device to the CPU, weights that are shared staying so; the values mean nothing."""
    made: dict[int, Tensor] = {}
    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is None:
                    continue
                if id(tensor) not in made:
                    empty = torch.zeros(tensor.shape, dtype=tensor.dtype)
                    is_parameter = isinstance(tensor, torch.nn.Parameter)
                    made[id(tensor)] = torch.nn.Parameter(empty, tensor.requires_grad) if is_parameter else empty
                tensors[name] = made[id(tensor)]


def recomputed(model: MPlug2, names: Iterable[str] | None = None, every: int = 1) -> float:
    """Set blocks to be recomputed. names, every: as in `checkpoint_blocks`; all blocks if None. Returns their share."""
    blocks = {name: [*blocks_of(part)] for name, part in model.network.named_children()}
    checkpoint_blocks(model.network, [name for name, own in blocks.items() if own] if names is None else names, every)
    every_block = [block for own in blocks.values() for block in own]
    return sum(block.recompute for block in every_block) / max(1, len(every_block))


def trace(model_cfg: dict, work: Work, bf16: bool = True, recompute: dict | None = None) -> Step:
    """Run a step without storage.

    Args:
        model_cfg: config of an `MPlug2`. bf16: autocast the forward pass. recompute: whose activations, as arguments
            of `recomputed`; none's if None.

    Raises:
        ValueError: the model is no `MPlug2`. NotImplementedError: a task needs inputs that a plan cannot make up.
    """
    model = build(model_cfg)
    work = work._replace(tasks=work.tasks or tuple(model.tasks))
    if recompute is not None:
        recomputed(model, **recompute)
    with FakeTensorMode():
        materialise(model)
        memory = LiveMemory()
        for kind, tensors in _held(model).items():
            for tensor in tensors:
                memory.own(tensor, kind)
        batch = batch_of(model, work)
        for tensor in tree_leaves(batch.inputs):
            if isinstance(tensor, Tensor):
                memory.own(tensor, 'batch')
        held = memory.live.copy()
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        for parameter in trained:
            parameter.register_post_accumulate_grad_hook(lambda p: memory.own(p.grad, 'gradients'))
        with memory, fused_attention(memory):
            with torch.autocast('cpu', torch.bfloat16, enabled=bf16):
                loss = total_loss(model, batch, work)
            after = memory.live.copy()
            memory.label = 'temporaries'
            loss.backward()
        gradients = sum(parameter.numel() * parameter.element_size() for parameter in trained)
    return Step(
        held['weights'],
        gradients,
        held['momentum_encoder'],
        held['queue'],
        held['batch'],
        after['casts'],
        after['activations'],
        memory.peak,
        gathered_bytes(model),
        memory.flops,
        sum(_bytes(block) for momentum_encoder in momentum_encoders_of(model) for block in blocks_of(momentum_encoder)),
    )


def _bytes(module: torch.nn.Module) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in module.parameters())


def gathered_bytes(model: MPlug2) -> int:
    """Of the weights that FSDP2 gathers: the largest block, the decoder, and what is outside blocks (`shard_model`)."""

    def size(module: torch.nn.Module) -> int:
        return sum(p.numel() * p.element_size() for p in module.parameters() if p.requires_grad)

    parts = [part for part in model.network.children() if not isinstance(part, Decoder)]
    blocks = [size(block) for part in parts for block in blocks_of(part)]
    return size(model) - sum(blocks) + max(blocks, default=0)


def total_loss(model: MPlug2, batch: Batch, work: Work) -> Tensor:
    """The sum of the tasks' losses over one set of features.

    Raises:
        NotImplementedError: a task needs inputs that the batch lacks.
    """
    features = Features(model.network, batch)
    losses = []
    for name in work.tasks:
        task = model.tasks[name]
        try:
            if hasattr(task, 'begin_step'):
                task.begin_step(model.network)
            losses += [value.sum() for key, value in task.loss(features, batch).items() if 'loss' in key]
        except (KeyError, AttributeError, TypeError) as error:
            raise NotImplementedError(
                f'task {name!r} ({type(task).__name__}) needs inputs that a plan cannot make up: {error}'
            ) from error
    return sum(losses)


def _held(model: MPlug2) -> dict[str, list[Tensor]]:
    """What a model holds between steps, by kind."""
    tensors_by_kind: dict[str, list[Tensor]] = {'momentum_encoder': [], 'queue': [], 'weights': []}
    seen: set[int] = set()
    for kind, classes in (('momentum_encoder', MomentumEncoder), ('queue', FeatureQueue), ('weights', torch.nn.Module)):
        for module in model.modules():
            if isinstance(module, classes):
                for tensor in (*module.parameters(), *module.buffers()):
                    if id(tensor) not in seen:
                        seen.add(id(tensor))
                        tensors_by_kind[kind].append(tensor)
    return tensors_by_kind


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
