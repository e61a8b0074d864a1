"""What a step needs: memory by part and FLOPs.

A step of the config's model runs on tensors that have shapes but no storage (PyTorch's fake tensors), and every
allocation, every release and every matrix product of it is counted. Nothing is estimated by formula.

Letters in shapes: B samples, T frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
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
        gradients = _bytes(trained)
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
        sum(_bytes(block.parameters()) for encoder in momentum_encoders_of(model) for block in blocks_of(encoder)),
    )


def _bytes(parameters: Iterable[Tensor]) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in parameters)


def gathered_bytes(model: MPlug2) -> int:
    """Of the weights that FSDP2 gathers: the largest block, the decoder, and what is outside blocks (`shard_model`)."""

    def size(module: torch.nn.Module) -> int:
        return _bytes(parameter for parameter in module.parameters() if parameter.requires_grad)

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
