"""What a training will need, before any GPU is hired: memory by part, FLOPs, time, and samples a second.

A step of the config's model runs on tensors that have shapes but no storage (PyTorch's fake tensors), and every
allocation, every release and every matrix product of it is counted. Nothing is estimated by formula but the optimizer's
state, what data parallelism adds, and the time.

Letters in shapes: B samples, T frames.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.utils._pytree import tree_leaves

from .datasets.interleave import InterleavedSources, InterleavingSampler
from .datasets.packing import DESCRIPTION
from .datasets.reading import as_list
from .live_memory import LiveMemory, fused_attention
from .model import MPlug2
from .modules.blocks import blocks_of
from .modules.features import Features
from .modules.momentum import FeatureQueue, MomentumTwin
from .registry import MODELS
from .structures import Batch, MultiModalDataSample, Targets, Tokens
from .text.instructions import instruction


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
ROW = 128  # tokens of packed text, unless its shards are there to say
# Copies of the trainable weights, in fp32, that an optimizer keeps.
OPTIMIZER_COPIES = {'Adam': 2, 'AdamW': 2, 'NAdam': 2, 'RAdam': 2, 'Adamax': 2, 'SGD': 1, 'RMSprop': 1, 'Adagrad': 1}


class Work(NamedTuple):
    """What a step does on one GPU: a batch of one source, for one or more tasks that share its features.

    tasks: names in the model; all of them if empty. media: 'image', 'video' or 'text'. batch: B. frames: T of a clip. side: of
    a frame, pixels; None is what the positions are made for. text, target, instruction: tokens, the last of an instruction that
    is read alone. share: of the steps.
    """

    tasks: tuple[str, ...] = ()
    media: str = 'video'
    batch: int = 1
    frames: int = 8
    side: int | None = None
    text: int = 30
    target: int = 20
    share: float = 1.0
    instruction: int = 6


class Step(NamedTuple):
    """What a step takes. All in bytes, but FLOPs.

    weights, gradients: in full. twin, queue: the momentum encoder's weights, and the features of earlier steps. batch: the
    inputs. casts: bf16 copies of weights. activations: alive when the loss is known. peak: the most that was alive
    at a time, all of these included (gradients come while activations go). gathered: weights that are whole on every GPU while
    a sharded model computes. flops: forward and backward. twin_blocks: of the twin, what a sharded model shards of it.
    """

    weights: int
    gradients: int
    twin: int
    queue: int
    batch: int
    casts: int
    activations: int
    peak: int
    gathered: int
    flops: int
    twin_blocks: int


def batch_of(model: MPlug2, work: Work) -> Batch:
    """A batch with whatever the tasks' rows of Table 2 take, and the further inputs of the tasks that we have."""
    count = work.batch
    needed = frozenset().union(*(model.tasks[name].spec.network_modules for name in work.tasks))

    def tokens(length: int) -> Tokens:
        ids = torch.zeros(count, length, dtype=torch.long)
        return Tokens(ids, torch.ones(count, length, dtype=torch.bool), torch.zeros_like(ids))

    frames = target = None
    if 'vision_encoder' in needed and work.media != 'text':
        side = work.side or side_of(model.network.vision_encoder)
        frames = torch.zeros(count, work.frames if work.media == 'video' else 1, 3, side, side)
    if 'decoder' in needed:
        ids, mask, _ = tokens(work.target)
        target = Targets(ids, mask, mask, torch.arange(count), torch.ones(count))
    masked = math.ceil(0.15 * work.text)
    extra = dict(
        item=torch.arange(count),
        label=torch.zeros(count, dtype=torch.long),
        masked=tokens(work.text),
        places=tokens(masked),
        words=tokens(masked),
        start=tokens(work.text),
        instruction=tokens(work.instruction),
    )
    samples = [MultiModalDataSample(metainfo=dict(media=work.media)) for _ in range(count)]
    return Batch(frames=frames, text=tokens(work.text), target=target, extra=extra, samples=samples)


def side_of(encoder: torch.nn.Module) -> int:
    """The side of the frames that a vision encoder's positions are made for, in pixels."""
    return round((encoder.position_embedding.shape[0] - 1) ** 0.5) * encoder.patch_size


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


def trace(model_cfg: dict, work: Work, bf16: bool = True, recompute: bool = False) -> Step:
    """Run a step without storage.

    Args:
        model_cfg: config of an `MPlug2`. bf16: autocast the forward pass. recompute: the activations inside all blocks.

    Raises:
        ValueError: the model is no `MPlug2`. NotImplementedError: a task needs inputs that a plan cannot make up.
    """
    model = build(model_cfg)
    work = work._replace(tasks=work.tasks or tuple(model.tasks))
    if recompute:
        for part in model.network.children():
            for block in blocks_of(part):
                block.recompute = True
    with FakeTensorMode():
        materialise(model)
        memory = LiveMemory()
        for kind, tensors in _held(model).items():
            for tensor in tensors:
                memory.own(tensor, kind)
        batch = batch_of(model, work)
        for tensor in tree_leaves((batch.frames, batch.text, batch.target, batch.extra)):
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
        held['twin'],
        held['queue'],
        held['batch'],
        after['casts'],
        after['activations'],
        memory.peak,
        gathered_bytes(model),
        memory.flops,
        sum(_bytes(block) for twin in model.modules() if isinstance(twin, MomentumTwin) for block in blocks_of(twin)),
    )


def _bytes(module: torch.nn.Module) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in module.parameters())


def gathered_bytes(model: MPlug2) -> int:
    """Of the weights that FSDP2 gathers: the largest block, the decoder, and what lies outside blocks (`shard_model`)."""

    def size(module: torch.nn.Module) -> int:
        return sum(p.numel() * p.element_size() for p in module.parameters() if p.requires_grad)

    parts = [part for name, part in model.network.named_children() if name != 'decoder']
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
    found: dict[str, list[Tensor]] = {'twin': [], 'queue': [], 'weights': []}
    seen: set[int] = set()
    for kind, classes in (('twin', MomentumTwin), ('queue', FeatureQueue), ('weights', torch.nn.Module)):
        for module in model.modules():
            if isinstance(module, classes):
                for tensor in (*module.parameters(), *module.buffers()):
                    if id(tensor) not in seen:
                        seen.add(id(tensor))
                        found[kind].append(tensor)
    return found


class Plan(NamedTuple):
    """Of a training on several GPUs. Bytes are those on each.

    works: what the batches are for. steps: for each the plain `Step`, and the one whose activations are recomputed. shares:
    GPUs over which weights, gradients and optimizer state are sharded. per_step: batches of an optimizer step. optimizer: its
    state. communication: data parallelism's copies of the gradients, or of the weights that are gathered and their gradients.
    seconds: of an optimizer step, on average. samples: that each GPU takes a second, on average.
    """

    works: list[Work]
    steps: list[tuple[Step, Step]]
    shares: int
    per_step: int
    optimizer: int
    communication: int
    seconds: float
    samples: float

    def parts(self, number: int, recompute: bool) -> dict[str, float]:
        """Bytes by part, in batches of work `number`."""
        step = self.steps[number][recompute]
        return dict(
            weights=step.weights / self.shares,
            gradients=step.gradients / self.shares,
            optimizer=self.optimizer,
            communication=self.communication,
            twin=step.twin - step.twin_blocks + step.twin_blocks / self.shares,
            queue=step.queue,
            batch=step.batch,
            casts=step.casts,
            activations=step.activations,
        )

    def peak(self, number: int, recompute: bool) -> float:
        """The most bytes of tensors at a time, in batches of work `number`.

        Of a sharded model, or where a step takes several batches, whose gradients are there from the first on: all parts.
        """
        if self.shares > 1 or self.per_step > 1:
            return sum(self.parts(number, recompute).values())
        return self.steps[number][recompute].peak + self.optimizer + self.communication


def _mean(works: list[Work], values: list[float]) -> float:
    return sum(work.share * value for work, value in zip(works, values, strict=True)) / sum(work.share for work in works)


def make_plan(
    model_cfg: dict,
    works: list[Work],
    gpus: int,
    gpu: GPU,
    optimizer: str = 'AdamW',
    bf16: bool = True,
    mfu: float = 0.4,
    sharded: bool = False,
    per_step: int = 1,
) -> Plan:
    """Plan a training in data parallel.

    Args:
        model_cfg, bf16: as in `trace`. works: one a source. optimizer: class name. mfu: share of the GPU's FLOPs that is
            reached; FLOPs of recomputing do not count towards it. sharded: by FSDP2. per_step: batches of a step.

    Raises:
        KeyError: an optimizer whose state is not known.
    """
    if optimizer not in OPTIMIZER_COPIES:
        raise KeyError(f'how much {optimizer} keeps is not known; known are {", ".join(OPTIMIZER_COPIES)}')
    steps = [(trace(model_cfg, work, bf16), trace(model_cfg, work, bf16, recompute=True)) for work in works]
    one = steps[0][0]
    shares = gpus if sharded else 1
    seconds = _mean(works, [plain.flops for plain, _ in steps]) / ((gpu.bf16 if bf16 else gpu.fp32) * mfu)
    return Plan(
        works=works,
        steps=steps,
        shares=shares,
        per_step=per_step,
        optimizer=OPTIMIZER_COPIES[optimizer] * one.gradients // shares,
        communication=0 if gpus == 1 else 2 * one.gathered if sharded else one.gradients,
        seconds=seconds * per_step,
        samples=_mean(works, [work.batch for work in works]) / seconds,
    )


def works_of(cfg: Config) -> list[Work]:
    """What a config's training steps do, read off its training loader.

    Raises:
        KeyError: the config trains nothing. FileNotFoundError: the sources come in proportion to their sizes, and the data that
            would tell these is not there.
    """
    loader = cfg.get('train_dataloader')
    if not loader:
        raise KeyError('the config has no train_dataloader, so there is no training to plan')
    dataset = loader['dataset']
    if 'sources' in dataset:
        weights, shares = dataset.get('weights') or {}, _shares(loader)
        return [
            work_of(source['dataset'], source['batch_size'])._replace(tasks=tasks, share=shares[name])
            for name, source in dataset['sources'].items()
            if (tasks := tuple(task for task in source['tasks'] if weights.get(task, 1.0))) and shares[name]
        ]
    return [work_of(dataset, loader['batch_size'])]


def _shares(loader: dict) -> dict[str, float]:
    """Of the steps, by source, as `InterleavingSampler` has them."""
    dataset, sampler = loader['dataset'], loader.get('sampler') or {}
    strategy = sampler.get('strategy', 'ratios')
    if strategy == 'proportional':
        built = InterleavedSources(dataset['sources'], dataset.get('weights'))
        counts = InterleavingSampler(built, strategy=strategy, cycle=sampler.get('cycle', 100)).schedule.counts
        return {name: float(counts.get(name, 0)) for name in dataset['sources']}
    even = strategy == 'round_robin'
    return {name: 1.0 if even else float(source.get('ratio', 1.0)) for name, source in dataset['sources'].items()}


def work_of(dataset: dict, batch: int) -> Work:
    """What a batch of a data set's config is, as its pipeline says, for tasks that are not named.

    Args:
        batch: B.
    """
    found = dict(batch=batch, media='text')
    if type_name(dataset) == 'PackedText':
        found['text'] = _row_length(dataset)
    for step in _steps(dataset):
        kind = type_name(step)
        if kind == 'LoadImage':
            found['media'] = 'image'
        if 'num_frames' in step:
            found.update(media='video', frames=step['num_frames'])
        if isinstance(step.get('size'), (int, list, tuple)):
            found['side'] = step['size'] if isinstance(step['size'], int) else step['size'][0]
        key = {'TokenizeText': 'text', 'TokenizeTarget': 'target'}.get(kind)
        if key is not None and step.get('out', key) == key and (length := _length(step, found['media'])):
            found[key] = length
        if kind == 'TokenizeText' and step.get('out') == 'instruction':
            found['instruction'] = 1 + len(instruction(step['instruction'], found['media']).split())
        if kind == 'SplitText':  # broken off anywhere, so that the longest of a batch is about the whole text
            found['target'] = step.get('max_length') or found.get('text', Work().text)
    return Work(**found)


def type_name(node: dict) -> str:
    """The name of the class of a config's ``type``."""
    kind = node.get('type', '')
    return kind.rsplit('.', 1)[-1] if isinstance(kind, str) else kind.__name__


def _length(step: dict, media: str) -> int | None:
    """Tokens that a step leaves of a text, each word taken for one: ``[CLS]``, an instruction, words, a target's ``[SEP]``."""
    if step.get('max_length'):
        return step['max_length']
    if not step.get('max_words'):
        return None
    told = instruction(step['instruction'], media).split() if step.get('instruction') else []
    return 1 + len(told) + step['max_words'] + (type_name(step) == 'TokenizeTarget')


def _row_length(dataset: dict) -> int:
    """Tokens of the rows of `PackedText`, as their shards say where they are there, else `ROW`."""
    for shards in as_list(dataset.get('shards') or []):
        folder = Path(shards).parent if str(shards).endswith('.tar') else Path(shards)
        if (folder / DESCRIPTION).is_file():
            return json.loads((folder / DESCRIPTION).read_text(encoding='utf-8'))['length']
    return ROW


def _steps(node: Any) -> Iterator[dict]:
    """The steps of a data set's pipelines, wrapped data sets included, in order."""
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ():
        yield from _steps(item)
    if isinstance(node, dict):
        yield from (step for step in node.get('pipeline', ()) if isinstance(step, dict))
