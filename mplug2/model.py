"""MPlug2: a bag of modules and the tasks asked of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from .modules.adapters import add_adapters, merge_adapters
from .modules.blocks import prepare_blocks
from .modules.generation import Generation, check_generation, generate
from .modules.momentum import momentum_encoders_of
from .networks import Features, MPlug2Network, Network
from .preprocessor import MultiModalDataPreprocessor
from .pretrained import PretrainedModel
from .registry import MODELS, TASKS, TOKENIZERS, WEIGHT_INITIALIZERS, resolve
from .structures import Batch, MultiModalDataSample, Tokens
from .tasks.base import Task
from .tasks.spec import TaskSpec
from .utils.lean_mmengine import BaseModel

ROLES = ('text', 'decoder')  # of tokenizers


@MODELS.register_module()
class MPlug2(PretrainedModel, BaseModel):
    """mPLUG-2 (Figure 2): modules composed by config, and one or more tasks.

    Args:
        network: config of a wiring and its modules, `MPlug2Network` if it names no ``type``. Modules that no task needs are
            dropped.
        tasks: name -> config of a task. One for downstream training, many for pre-training.
        tokenizer: config of the tokenizer of every role. tokenizers: role -> config, where they differ: 'text' reads for the
            text encoder, 'decoder' reads and writes the decoder's ids.
        data_preprocessor: `MultiModalDataPreprocessor` if None.
        blocks: arguments of `prepare_blocks`: whose activations are recomputed, what is compiled.
        frozen: modules of the network that keep their weights, as in a linear probe: without gradients or dropout.
        adapters: arguments of `modules.adapters.add_adapters`: small matrices beside the network's own.
        init_cfg: as in MMEngine; the initialisers of `mplug2.weights` among others.

    Raises:
        ValueError: a task needs a module that ``network`` lacks, or vocabularies differ in size.
    """

    def __init__(
        self,
        network: dict,
        tasks: dict[str, dict],
        tokenizer: dict | None = None,
        data_preprocessor: dict | None = None,
        blocks: dict | None = None,
        frozen: Sequence[str] = (),
        init_cfg: dict | list | None = None,
        tokenizers: dict[str, dict] | None = None,
        adapters: dict | None = None,
    ) -> None:
        init_cfg = resolve(init_cfg, WEIGHT_INITIALIZERS)
        super().__init__(data_preprocessor or dict(type=MultiModalDataPreprocessor), init_cfg)
        self.config = dict(
            network={'type': MPlug2Network, **network},
            tasks=tasks,
            tokenizer=tokenizer,
            tokenizers=tokenizers,
            data_preprocessor=data_preprocessor,
        )
        self.preprocessing, self.class_names = {}, {}
        if tokenizer is not None and tokenizers is not None:
            raise ValueError('give tokenizer, which serves every role, or tokenizers, one for each; not both')
        self.tokenizers = {
            role: TOKENIZERS.build(cfg) if isinstance(cfg, dict) else cfg
            for role, cfg in (tokenizers or dict.fromkeys(ROLES, tokenizer)).items()
        }
        if set(self.tokenizers) - set(ROLES):
            raise ValueError(f'tokenizers belong to the roles {" and ".join(ROLES)}, not {", ".join(self.tokenizers)}')
        self.tasks = nn.ModuleDict()  # before the network: the order of a checkpoint's optimizer state
        self.network: Network = MODELS.build({'type': MPlug2Network, **network})
        self.tasks.update({name: self._build_task(name, cfg) for name, cfg in tasks.items()})
        self._check_vocabularies()
        self._drop_unused()
        self._check_generations()
        prepare_blocks(self.network, momentum_encoders=momentum_encoders_of(self), **(blocks or {}))
        self.frozen = tuple(name for name in frozen if self._has(name))
        for name in self.frozen:
            getattr(self.network, name).requires_grad_(False)

        self.adapters, self.adapter_keys = adapters, frozenset()

    def add_adapters(self) -> None:
        """Put the adapters of the config beside their layers, if they are not there; after the weights are initialised.

        Raises:
            ValueError: as `modules.adapters.add_adapters`, or a task has a momentum encoder, which would not follow them.
        """
        if self.adapters is None or self.adapter_keys:
            return
        if momentum_encoders_of(self):
            raise ValueError('adapters and a momentum encoder exclude each other: take a contrast without (InBatchContrast)')
        self.adapter_keys = frozenset(f'network.{key}' for key in add_adapters(self.network, **self.adapters))

    def merge_adapters(self) -> None:
        """Merge the adapters into the weights of their layers, and remove them."""
        if self.adapter_keys:
            merge_adapters(self.network)
        self.adapters, self.adapter_keys = None, frozenset()

    def _has(self, name: str) -> bool:
        if name not in self.network._modules:
            raise ValueError(f'frozen names {name!r}; the modules of the network are {", ".join(self.network._modules)}')
        return self.network.has(name)

    def train(self, mode: bool = True) -> MPlug2:
        super().train(mode)
        for name in self.frozen:
            getattr(self.network, name).eval()
        return self

    def _build_task(self, name: str, cfg: dict) -> Task:
        kind = TASKS.get(cfg['type']) if isinstance(cfg['type'], str) else cfg['type']
        tokenizer = self.tokenizers.get(getattr(kind, 'tokenizer_role', 'decoder'))
        task = TASKS.build(cfg, default_args=dict(network=self.network, tokenizer=tokenizer))
        network, kind = self.network, type(task).__name__
        if not isinstance(getattr(task, 'spec', None), TaskSpec):
            raise ValueError(
                f'task {name!r}: {kind} sets no spec: a task says which inputs and stages it uses, as spec = TaskSpec.of('
                "'text image', 'vision text fused')"
            )
        unknown = sorted(task.spec.stages - set(network.stages))
        if unknown:
            raise ValueError(
                f'task {name!r} ({kind}) asks for the stage {" and ".join(unknown)}, which {type(network).__name__} '
                f'lacks; it has {", ".join(network.stages)}'
            )
        missing = sorted(module for module in network.modules_of(task.spec.stages) if not network.has(module))
        if missing:
            available = ', '.join(sorted(name for name, _ in network.named_children()))
            raise ValueError(
                f'task {name!r} ({kind}) needs {" and ".join(missing)}, which the network config lacks; it has {available}'
            )
        return task

    def _check_vocabularies(self) -> None:
        for role, name in self.network.vocabularies.items():
            tokenizer, module = self.tokenizers.get(role), self.network._modules.get(name)
            if tokenizer is not None and module is not None and module.vocab_size != tokenizer.vocab_size:
                raise ValueError(f'{name} has {module.vocab_size} words, but the tokenizer has {tokenizer.vocab_size}')

    def _check_generations(self) -> None:
        for name, task in self.tasks.items():
            if hasattr(task, 'generator'):
                try:
                    check_generation(self.network.decoder, task.generator.settings)
                except ValueError as error:
                    raise ValueError(f'task {name!r} ({type(task).__name__}): {error}') from None

    def _drop_unused(self) -> None:
        """Drop the modules that no task needs."""
        needed = self.network.modules_of(frozenset().union(*(task.spec.stages for task in self.tasks.values())))
        unused = [name for name, _ in self.network.named_children() if name not in needed]
        if unused:
            self.network.drop(unused)
            print_log(f'no task needs these modules of the network, which are dropped: {", ".join(unused)}', logger='current')

    def init_weights(self) -> None:
        """Initialise every module by its own rule, then load what `init_cfg` names; once, as in MMEngine."""
        if self.is_init:
            return
        for module in (*self.network.children(), *self.tasks.values()):
            if hasattr(module, 'init_weights'):
                module.init_weights()
        super().init_weights()
        self.add_adapters()

    def task_of(self, batch: Batch) -> Task:
        """The task that a batch is for.

        Raises:
            KeyError: the batch names none of the tasks, or none although there are several.
        """
        if batch.task is None and len(self.tasks) == 1:
            return next(iter(self.tasks.values()))
        if batch.task not in self.tasks:
            raise KeyError(f'the batch is for task {batch.task!r}; the model has {sorted(self.tasks)}')
        return self.tasks[batch.task]

    def forward(
        self, inputs: Batch, data_samples: list[MultiModalDataSample] | None = None, mode: str = 'tensor'
    ) -> dict[str, Tensor] | list[MultiModalDataSample] | Features:
        """Run a batch.

        Args:
            inputs: what the data preprocessor made. data_samples: the batch's own; kept for MMEngine's calling convention.
            mode: 'loss' (losses by name), 'predict' (data samples with predictions) or 'tensor' (the features).

        A batch for several tasks gives the losses of all, from the same features, as ``task/loss``.
        """
        features = Features(self.network, inputs)
        if mode == 'tensor':
            return features
        if mode == 'loss' and isinstance(inputs.task, tuple):
            losses = {name: self._loss(self.task_of(inputs.replace(task=name)), features, inputs) for name in inputs.task}
            return {f'{name}/{key}': value for name, found in losses.items() for key, value in found.items()}
        task = self.task_of(inputs)
        if mode == 'loss':
            return self._loss(task, features, inputs)
        if mode == 'predict':
            with self._naming_absent_modules(task):
                return task.predict(features, inputs)
        raise ValueError(f"mode is 'loss', 'predict' or 'tensor', not {mode!r}")

    def _loss(self, task: Task, features: Features, inputs: Batch) -> dict[str, Tensor]:
        """The losses of a task, held to its contract."""
        with self._naming_absent_modules(task):
            losses = task.loss(features, inputs)
        if not isinstance(losses, Mapping) or not any('loss' in name for name in losses):
            returned = ', '.join(losses) if isinstance(losses, Mapping) else type(losses).__name__
            raise ValueError(
                f"{type(task).__name__}.loss returns {returned}: it has to return a dict of scalars, and those with 'loss' "
                'in their name are summed'
            )
        wrong = next((name for name, loss in losses.items() if not isinstance(loss, Tensor) or loss.numel() != 1), None)
        if wrong is not None:
            shape = getattr(losses[wrong], 'shape', type(losses[wrong]).__name__)
            raise ValueError(f'{type(task).__name__}.loss returns {wrong} as {shape}: each value is a tensor of one number')
        return losses

    @contextmanager
    def _naming_absent_modules(self, task: Task) -> Iterator[None]:
        """Turn what Python says of a module that is not there into what a task has to declare."""
        try:
            yield
        except (TypeError, AttributeError) as error:
            absent = [name for name, module in self.network._modules.items() if module is None]
            if not absent or 'NoneType' not in str(error):
                raise
            raise ValueError(
                f'{type(task).__name__} touches a module that is not there ({error}): {", ".join(absent)} are absent, '
                f'or dropped because no spec names a stage that goes through them; its spec names {", ".join(task.spec.stages)}'
            ) from error

    @torch.no_grad()
    def generate(
        self, frames: Tensor, question: Tokens | None = None, start_id: int | None = None, end_id: int | None = None, **settings
    ) -> tuple[list[list[list[int]]], list[list[float]]]:
        """Generate token ids straight from tensors, without dropout whatever mode the model is in.

        Args:
            frames: (B, T, 3, H, W), normalised. question: decoded together with vision if given.
            start_id, end_id: special tokens; if None the tokenizer's, or without one BERT's 101 and 102.
            settings: arguments of `Generation`; those of the model's only generating task where they are not given.

        Returns:
            ids and scores: for each sample `num_return` id lists from the start token on, and their scores, best first.
        """
        tokenizer = self.tokenizers.get('decoder')
        special = (101, 102) if tokenizer is None else (tokenizer.cls_id, tokenizer.sep_id)
        start_id = special[0] if start_id is None else start_id
        end_id = special[1] if end_id is None else end_id
        defaults = [task.generator.settings for task in self.tasks.values() if hasattr(task, 'generator')]
        settings = dataclasses.replace(defaults[0] if len(defaults) == 1 else Generation(), **settings)
        training = self.training
        self.eval()
        try:
            features = Features(self.network, Batch(frames=frames, text=question))
            memory = features.memory('vision' if question is None else 'fused')
            hypotheses = generate(self.network.decoder, memory, settings, start_id, end_id)
        finally:
            self.train(training)
        ids = [[hypothesis.ids for hypothesis in sample] for sample in hypotheses]
        return ids, [[hypothesis.score for hypothesis in sample] for sample in hypotheses]
