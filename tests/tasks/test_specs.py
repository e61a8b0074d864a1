"""Table 2: every task, run under a recorder, touches the modules and inputs of its row, computes each feature once, no more.

A new task joins by one line of `ROWS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from mplug2.datasets.collate import collate_targets
from mplug2.datasets.transforms.packing import TargetText
from mplug2.model import MPlug2
from mplug2.networks import Features, MPlug2Network, Network
from mplug2.registry import TASKS
from mplug2.structures import Batch
from mplug2.tasks import TaskSpec

from .models import small_model, some_batch

PAIRS = dict(contrastive=dict(type='MomentumContrast', queue_size=8), matching=dict(type='HardNegativeMatching'))
ALL = 'text_encoder universal fusion decoder'
# Image and video encoder are one set of weights; which column is meant, the inputs say.
COLUMNS = dict(image_encoder='vision_encoder', video_encoder='vision_encoder')
# row -> (config of the task, inputs, modules), as the paper's Table 2 has them; those with 'published' have other columns.
ROWS: dict[str, tuple[dict, str, str]] = {
    'video captioning': (dict(type='Captioning', media='video'), 'text video', f'video_encoder {ALL}'),
    'image captioning': (dict(type='Captioning', media='image'), 'text image', f'image_encoder {ALL}'),
    'video captioning, published': (
        dict(type='Captioning', media='video', condition='vision'),
        'video',
        'video_encoder universal decoder',
    ),
    'video question answering': (dict(type='QuestionAnswering', media='video'), 'text video', f'video_encoder {ALL}'),
    'image question answering': (dict(type='QuestionAnswering', media='image'), 'text image', f'image_encoder {ALL}'),
    'image question answering by ranking': (
        dict(type='QuestionAnswering', media='image', answers=['red', 'blue', 'left'], top_k=2),
        'text image',
        f'image_encoder {ALL}',
    ),
    'video-text retrieval': (
        dict(type='Retrieval', media='video', projection_dim=8, **PAIRS),
        'text video',
        'video_encoder text_encoder universal fusion',
    ),
    'image-text retrieval': (
        dict(type='Retrieval', media='image', projection_dim=8, **PAIRS),
        'text image',
        'image_encoder text_encoder universal fusion',
    ),
    'video-text retrieval without matching': (
        dict(type='Retrieval', media='video', projection_dim=8, contrastive=dict(type='InBatchContrast')),
        'text video',
        'video_encoder text_encoder universal',
    ),
    'image classification': (dict(type='Classification', num_classes=5), 'image', 'image_encoder universal'),
    'video classification': (dict(type='Classification', num_classes=5, media='video'), 'video', 'video_encoder universal'),
    'video classification by the texts of the classes': (
        dict(type='ZeroShotClassification', names=['zero', 'one'], media='video', projection_dim=8),
        'video',
        'video_encoder text_encoder universal',
    ),
    'text classification': (dict(type='TextClassification', num_classes=2), 'text', 'text_encoder universal'),
    'text question answering': (dict(type='TextQA'), 'text', 'text_encoder universal'),
    'summarization': (
        dict(type='Summarization', generation=dict(num_beams=2, max_length=5)),
        'text',
        'text_encoder universal decoder',
    ),
    'visual grounding': (
        dict(type='Grounding', locations=dict(num_bins=17, first='[unused1]', marker='[unused0]')),
        'text image',
        f'image_encoder {ALL}',
    ),
}


@contextmanager
def recording(network: Network) -> Iterator[dict]:
    """Which parts of the network run, which inputs are asked for, and how often each input is encoded by each module set."""
    seen: dict = dict(modules=set(), inputs=set(), encoded=Counter(), fused=Counter())
    hooks = []
    for name, part in network.named_children():
        for module in part.modules():
            hooks.append(module.register_forward_pre_hook(lambda *_, name=name: seen['modules'].add(name)))
    with pytest.MonkeyPatch.context() as patch:
        ask, vision, text, fused = Features._input, MPlug2Network.encode_vision, MPlug2Network.encode_text, MPlug2Network.fuse

        def asked(self: Features, name: str):
            if self.network is network:
                seen['inputs'].add(name)
            return ask(self, name)

        def encode_vision(self: Network, frames):
            seen['encoded'][id(self), frames.data_ptr()] += 1
            return vision(self, frames)

        def encode_text(self: Network, tokens):
            seen['encoded'][id(self), tokens.ids.data_ptr()] += 1
            return text(self, tokens)

        def fuse(self: Network, words, images):
            seen['fused'][id(self), words.tokens.data_ptr(), images.memory.data_ptr()] += 1
            return fused(self, words, images)

        patch.setattr(Features, '_input', asked)
        patch.setattr(MPlug2Network, 'encode_vision', encode_vision)
        patch.setattr(MPlug2Network, 'encode_text', encode_text)
        patch.setattr(MPlug2Network, 'fuse', fuse)
        yield seen
    for hook in hooks:
        hook.remove()


def batch_for(spec: TaskSpec) -> Batch:
    """Three samples with what the row allows, and nothing else to lean on."""
    batch = some_batch(3, frames=4 if 'video' in spec.inputs else 1, media_id=torch.arange(3))
    batch = batch.replace(label=torch.tensor([0, 1, 1]), span=torch.tensor([[1, 2], [0, 0], [2, 2]]))
    for sample in batch.samples:
        sample.context, sample.windows = 'a red nine', [[None, (0, 1), (2, 5)]]
    targets = [[TargetText([2, 40 + row, 50, 3], [False, True, True, True])] for row in range(3)]
    batch = batch.replace(target=collate_targets(targets, 0))
    if 'text' not in spec.inputs:
        batch = batch.replace(text=None)
    if not spec.inputs & {'image', 'video'}:
        batch = batch.replace(frames=None)
    return batch


def run(model: MPlug2, mode: str) -> dict:
    (task,) = model.tasks.values()
    model.train(mode == 'loss')
    task.begin_step(model.network)
    with recording(model.network) as seen:
        result = model(batch_for(task.spec), mode=mode)
        if mode == 'loss':
            sum(value for name, value in result.items() if 'loss' in name).backward()
    return seen


@pytest.mark.parametrize('row', ROWS)
def test_the_spec_is_the_row(row: str) -> None:
    cfg, inputs, modules = ROWS[row]
    model = small_model(cfg)
    (task,) = model.tasks.values()
    assert task.spec.inputs == set(inputs.split())
    assert model.network.modules_of(task.spec.stages) == {COLUMNS.get(name, name) for name in modules.split()}


@pytest.mark.parametrize('mode', ['loss', 'predict'])
@pytest.mark.parametrize('form', ['release', 'paper'])
@pytest.mark.parametrize('row', ROWS)
def test_what_runs_is_the_row(row: str, form: str, mode: str) -> None:
    cfg, inputs, _ = ROWS[row]
    model = small_model(cfg, form)
    (task,) = model.tasks.values()
    seen = run(model, mode)
    assert seen['modules'] == model.network.modules_of(task.spec.stages)
    asked = {'frames' if name in ('image', 'video') else name for name in inputs.split()}
    assert seen['inputs'] == asked
    assert set(seen['encoded'].values()) == {1}
    assert set(seen['fused'].values()) <= {1}


@pytest.mark.parametrize('row', ROWS)
def test_every_module_that_is_built_learns(row: str) -> None:
    """What the row names gets gradients; what it does not is not built."""
    model = small_model(ROWS[row][0])
    (task,) = model.tasks.values()
    run(model, 'loss')
    built = {name for name, part in model.network._modules.items() if part is not None}
    learns = {name for name, part in model.network.named_children() if any(p.grad is not None for p in part.parameters())}
    assert built == learns == model.network.modules_of(task.spec.stages)


def test_every_registered_task_has_a_row() -> None:
    """A task that only trains another one differently, as its subclass, has that one's row.

    The table lacks pre-training, and detection, whose row is checked inside its detector.
    """
    TASKS.import_from_location()
    ours = [task for task in TASKS.module_dict.values() if task.__module__.startswith('mplug2.')]
    ours = [task for task in ours if task.__module__ not in ('mplug2.tasks.pretraining', 'mplug2.detection.backbone')]
    listed = tuple(TASKS.get(cfg['type']) for cfg, _, _ in ROWS.values())
    assert {task for task in ours if not issubclass(task, listed)} == set()
    assert set(listed) <= set(ours)


def test_the_recorder_sees_a_task_that_strays() -> None:
    model = small_model(ROWS['video captioning'][0])
    (task,) = model.tasks.values()
    task.memory = lambda features: features.memory('vision')
    assert (
        run(model, 'loss')['modules']
        == {'vision_encoder', 'universal', 'decoder'}
        != model.network.modules_of(task.spec.stages)
    )


def test_specs_take_inputs_of_the_table_only() -> None:
    with pytest.raises(ValueError, match=r"no input of a task: \['audio'\]"):
        TaskSpec.of('audio', 'decoder')


def test_a_stage_that_the_wiring_lacks_is_named() -> None:
    class Listening(TASKS.get('Captioning')):
        def __init__(self, network, tokenizer) -> None:
            super().__init__(network, tokenizer)
            self.spec = TaskSpec.of('video', 'vision sound')

    with pytest.raises(ValueError, match='asks for the stage sound, which MPlug2Network lacks; it has vision, text, fused'):
        small_model(dict(type=Listening))
