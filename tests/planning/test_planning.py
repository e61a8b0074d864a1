"""What a plan says of a step against what the step takes: tensors' memory as the profiler saw it, on the CPU."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.profiler import ProfilerActivity, profile

from mplug2.cli import main
from mplug2.cli.plan import report
from mplug2.config.load import load_config, type_name
from mplug2.model import MPlug2
from mplug2.modules import layers
from mplug2.modules.blocks import blocks_of
from mplug2.planning.plan import GPUS, Plan, make_plan
from mplug2.planning.trace import batch_of, total_loss, trace
from mplug2.planning.workload import Work, works_of
from mplug2.registry import MODELS


def allocations(run: profile) -> list[int]:
    """Bytes of every allocation (releases are negative), in order of time."""

    def walk(events: list) -> Iterator[tuple[int, int]]:
        for event in events:
            if event.tag.name == 'Allocation':
                yield event.start_time_ns, event.extra_fields.alloc_size
            yield from walk(event.children)

    return [size for _, size in sorted(walk(run.profiler.kineto_results.experimental_event_tree()))]


def measure(model_cfg: dict, work: Work, bf16: bool, recompute: bool) -> dict[str, int]:
    """Bytes beyond what the model holds: when the loss is known, and at most in a step."""
    torch.manual_seed(0)
    model: MPlug2 = MODELS.build({key: value for key, value in model_cfg.items() if key != 'init_cfg'}).train()
    model.init_weights()
    work = work._replace(tasks=work.tasks or tuple(model.tasks))
    for part in model.network.children():
        for block in blocks_of(part):
            block.recompute = recompute
    batch = batch_of(model, work)
    options = dict(activities=[ProfilerActivity.CPU], profile_memory=True)
    with torch.autocast('cpu', torch.bfloat16, enabled=bf16), profile(**options) as forward:
        loss = total_loss(model, batch, work)
    alive = sum(allocations(forward))
    with profile(**options) as backward:
        loss.backward()
    peaks = torch.tensor([0, *allocations(forward)]).cumsum(0).max(), torch.tensor([0, *allocations(backward)]).cumsum(0).max()
    return dict(alive=alive, peak=max(int(peaks[0]), alive + int(peaks[1])))


CASES = {
    'captioning, fp32': ('mini/video_captioning', Work(batch=4, frames=4, text=12, target=16), False, False),
    'captioning, bf16': ('mini/video_captioning', Work(batch=4, frames=4, text=12, target=16), True, False),
    'captioning, recomputed': ('mini/video_captioning', Work(batch=4, frames=4, text=12, target=16), False, True),
    'pre-training': (
        'mini/pretrain',
        Work(('retrieval', 'mlm', 'video_captioning'), 'video', batch=4, frames=4, text=24, target=16, instruction=8),
        True,
        False,
    ),
    'retrieval': ('mini/image_text_retrieval', Work(media='image', batch=8, text=20), False, False),
}


@pytest.mark.slow
@pytest.mark.parametrize('case', CASES)
def test_a_plan_is_within_15_percent_of_what_is_measured(case, monkeypatch):
    monkeypatch.setattr(layers, '_explicit_is_faster', lambda query, key: False)  # as a GPU computes attention
    config, work, bf16, recompute = CASES[case]
    model = load_config(config).model
    estimate = trace(model, work, bf16, {} if recompute else None)
    found = measure(model, work, bf16, recompute)
    held = estimate.weights + estimate.momentum_encoder + estimate.queue + estimate.batch
    assert estimate.activations + estimate.casts == pytest.approx(found['alive'], rel=0.15)
    assert estimate.peak - held == pytest.approx(found['peak'], rel=0.15)


@pytest.mark.slow
def test_weights_gradients_and_optimizer_are_those_of_a_real_one():
    cfg = load_config('mini/image_text_retrieval').model
    work = Work(media='image', batch=2, text=4)
    plan = make_plan(cfg, [work], 2, GPUS['h100'])
    model = MODELS.build(cfg)
    model.init_weights()
    optimizer = torch.optim.AdamW(model.parameters())
    total_loss(
        model, batch_of(model, work._replace(tasks=tuple(model.tasks))), work._replace(tasks=tuple(model.tasks))
    ).backward()
    optimizer.step()
    step = plan.steps[0][0]
    size = {name: value.numel() * value.element_size() for name, value in model.state_dict().items()}
    assert step.momentum_encoder == sum(value for name, value in size.items() if '.momentum_' in name)
    assert step.queue == sum(value for name, value in size.items() if 'queue' in name)
    rest = sum(value for name, value in size.items() if '.momentum_' not in name and 'queue' not in name)
    assert step.weights == pytest.approx(rest, rel=1e-3)  # and the preprocessor's few numbers
    state = sum(value.numel() * 4 for one in optimizer.state.values() for value in one.values() if value.dim())
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert step.gradients == plan.communication == sum(parameter.numel() * 4 for parameter in trained)
    assert plan.optimizer == pytest.approx(state, rel=1e-2)
    assert plan.peak(0, 0) == step.peak + plan.optimizer + plan.communication
    sharded = plan._replace(shares=2, optimizer=plan.optimizer // 2, communication=2 * step.gathered)
    parts = sharded.parts(0, 0)
    assert parts['weights'] == step.weights / 2
    within = [
        value for name, value in size.items() if 'momentum_encoder.module' in name and re.search(r'\.(blocks|layers)\.', name)
    ]
    assert step.momentum_encoder > step.momentum_blocks == sum(within) > 0
    assert (
        parts['momentum_encoder'] == step.momentum_encoder - sum(within) / 2
    )  # its blocks are sharded, the rest of it is whole everywhere
    assert sharded.peak(0, 0) == pytest.approx(sum(parts.values()))
    blocks = [block for name, part in model.network.named_children() if name != 'decoder' for block in blocks_of(part)]
    sizes = [sum(parameter.numel() * 4 for parameter in block.parameters()) for block in blocks]
    assert step.gathered == step.gradients - sum(sizes) + max(sizes)


@pytest.mark.slow
def test_flops_of_a_step_are_three_times_those_of_a_forward():
    from mplug2.cli.modules import task_flops

    cfg = load_config('mini/video_captioning').model
    model = MODELS.build(cfg).eval()
    (task,) = model.tasks.values()
    forward = sum(task_flops(model.network, task.spec, 4, None, 12, 16).values())
    plain, again = (trace(cfg, Work(batch=2, frames=4, text=12, target=16), False, recompute) for recompute in (None, {}))
    # The gradient of the images is not needed, nor that of what a lone token could attend to.
    assert plain.flops == pytest.approx(2 * 3 * forward, rel=0.05)
    assert 1.2 < again.flops / plain.flops < 1.4
    assert again.activations < plain.activations / 3


@pytest.mark.slow
def test_what_the_config_recomputes_is_planned_beside_all_and_nothing():
    cfg = load_config('mini/video_captioning').model
    work = [Work(batch=2, frames=4, text=12, target=16)]
    modules = [name for name in cfg.network if name != 'type']

    def plan(**blocks):
        return make_plan({**cfg, 'blocks': blocks}, work, 1, GPUS['a100'], bf16=False)

    assert plan().forms == plan(recompute=modules).forms == ('activations kept', 'recomputed')
    some = plan(recompute=['vision_encoder'])
    assert some.forms == ('activations kept', 'recomputed', 'as configured')
    kept, everything, configured = some.steps[0]
    assert everything.activations < configured.activations < kept.activations
    assert 'as configured' in report(some, 1, 'a100', False, 'AdamW', 0.4, None)
    every_other = plan(recompute=modules, every=2).steps[0][2]
    assert everything.activations < every_other.activations < kept.activations


@pytest.mark.slow
def test_a_full_size_model_is_planned_without_its_memory():
    cfg = load_config('image_captioning/mplug2_base_coco')
    (work,) = works_of(cfg)
    assert (work.media, work.side) == ('image', 384)
    step = trace(cfg.model, work._replace(batch=64))
    assert step.weights / 4e6 == pytest.approx(381, rel=0.02)
    assert step.activations > 20e9


def test_works_are_read_off_a_config():
    image = dict(type='ShardedPairs', pipeline=[dict(type='LoadImage'), dict(type='RandomResizedCrop', size=224)])
    frames = [
        dict(type='LoadVideo', num_frames=4),
        dict(type='Resize', size=(96, 96)),
        dict(type='TokenizeText', max_length=25),
        dict(type='TokenizeText', instruction='name the action in the video .', out='instruction'),
        dict(type='TokenizeTarget', max_words=10),
    ]
    image['pipeline'].append(dict(type='TokenizeText', instruction='retrieval', max_words=30))
    text = dict(type='PackedText', pipeline=[dict(type='SplitPrefix', packed=True)])
    sources = dict(
        image=dict(dataset=image, batch_size=8, tasks=['matching'], ratio=3.0),
        video=dict(dataset=dict(type='ShardedPairs', pipeline=frames), batch_size=4, tasks=['matching', 'captioning']),
        text=dict(dataset=text, batch_size=16, tasks=['mlm']),
    )
    sources['off'] = dict(dataset=text, batch_size=16, tasks=['completion'])
    cfg = Config(dict(train_dataloader=dict(dataset=dict(sources=sources, weights=dict(completion=0.0)))))
    assert works_of(cfg) == [
        Work(('matching',), 'image', 8, side=224, text=1 + 4 + 30, share=3.0),  # [CLS], "find the image .", words
        Work(('matching', 'captioning'), 'video', 4, 4, 96, 25, target=1 + 10 + 1, instruction=8),
        Work(('mlm',), 'text', 16, text=128, target=128),
    ]
    cfg.train_dataloader.sampler = dict(strategy='round_robin')
    assert [work.share for work in works_of(cfg)] == [1.0, 1.0, 1.0]
    cfg.merge_from_dict({'train_dataloader.sampler.strategy': 'ratios', 'train_dataloader.dataset.sources.video.ratio': 0})
    assert [work.media for work in works_of(cfg)] == ['image', 'text']
    with pytest.raises(KeyError, match='no train_dataloader'):
        works_of(Config(dict(model={})))


def test_clips_of_mmaction_and_photos_in_memory_are_planned():
    (clip,) = works_of(load_config('video_classification/mplug2_base_kinetics400'))
    assert clip == Work(media='video', batch=32, frames=16, side=224)
    cfg = load_config('image_classification/mplug2_tiny_fashion_mnist')
    (photo,) = works_of(cfg)
    assert (photo.media, photo.batch, photo.side) == ('image', 64, 30)
    flops = trace(cfg.model, photo).flops
    assert type_name(cfg.train_dataloader.dataset.pipeline.pop(1)) == 'Resize'
    (photo,) = works_of(cfg)  # nothing says how large its images are, so they are as large as the model takes them
    assert (photo.side, trace(cfg.model, photo).flops) == (None, flops)


def test_sizes_that_the_data_tells_are_read_there(tmp_path: Path):
    (tmp_path / 'packing.json').write_text(json.dumps(dict(length=512)))
    sources = {'rows': dict(dataset=dict(type='PackedText', shards=str(tmp_path), pipeline=[]), batch_size=4, tasks=['mlm'])}
    assert works_of(Config(dict(train_dataloader=dict(dataset=dict(sources=sources)))))[0].text == 512
    for lines in (30, 10):
        (tmp_path / f'{lines}.txt').write_text('a word\n' * lines)
        corpus = dict(type='TextCorpus', files=str(tmp_path / f'{lines}.txt'), pipeline=[])
        sources[f'{lines}'] = dict(dataset=corpus, batch_size=5, tasks=['mlm'])
    del sources['rows']
    sampler = dict(strategy='proportional', cycle=8)
    works = works_of(Config(dict(train_dataloader=dict(dataset=dict(sources=sources), sampler=sampler))))
    assert [work.share for work in works] == [6.0, 2.0]


@pytest.mark.slow
def test_pretraining_is_planned_source_by_source():
    cfg = load_config('mini/pretrain')
    works = [work._replace(batch=2) for work in works_of(cfg)]
    plan = make_plan(cfg.model, works[1:5:3], 8, GPUS['a100'], mfu=0.4, batches_per_step=2)  # clips with captions, and text
    assert [work.media for work in plan.works] == ['video', 'text']
    video, text = (plain for plain, *_ in plan.steps)
    assert video.flops > 3 * text.flops > 0
    assert plan.peak(0, 0) > video.peak + plan.optimizer
    clips, texts = (cfg.train_dataloader.dataset.sources[name].ratio for name in ('video', 'text'))
    mean = (clips * video.flops + texts * text.flops) / (clips + texts)
    assert plan.seconds == pytest.approx(2 * mean / (0.4 * 312e12))


def test_workers_are_those_that_each_source_keeps_busy():
    """A batch of images and one of clips in turn, half a second each: 8 / 16 / 2 + 4 / 2 / 2 = 1.25 seconds of loading."""
    works = [Work(media='image', batch=8), Work(media='video', batch=4)]
    plan = Plan(works, [], 1, batches_per_step=2, optimizer=0, communication=0, seconds=1.0, samples=12.0)
    assert plan.workers([16.0, 2.0]) == pytest.approx(2.5)
    assert plan.workers([6.0]) == pytest.approx(2.0)  # 12 samples a second
    with pytest.raises(ValueError, match='3 rates of workers for 2 batches'):
        plan.workers([1.0, 2.0, 3.0])


def test_without_instructions_nothing_is_counted_for_them():
    for work in works_of(load_config('mini/pretrain_no_instruction'))[:2]:
        assert work.instruction == 1


@pytest.mark.slow
def test_the_command(capsys):
    words = [
        'plan',
        'mini/video_captioning',
        '--gpus',
        '2',
        '--gpu-type',
        'a100',
        '--batch-size',
        '4',
        '--worker-rate',
        '50',
        '--mfu',
        '0.5',
    ]
    assert main(words) == 0
    printed = capsys.readouterr().out
    for part in [
        '2 x a100 (80 GB)',
        '4 x video',
        'state of AdamW',
        'most at a time',
        'samples/s in all',
        '6,000 steps:',
        'workers',
    ]:
        assert part in printed, printed
    assert "the config's learning rate and number of steps are for 32: batches of 4 times the size keep them" in printed
    assert main(['plan', 'mini/video_captioning', '--cfg-options', 'optim_wrapper.optimizer.type=Lion']) == 1
    assert 'how much Lion keeps is not known; known are Adam' in capsys.readouterr().err
