"""The recipes of pre-training against Appendix B.1."""

from __future__ import annotations

import pytest

from mplug2.config.load import load_config


@pytest.mark.parametrize(('name', 'samples', 'gpus', 'rate'), [('mplug2_base', 1024, 8, 1e-4), ('mplug2_large', 512, 16, 5e-5)])
def test_the_recipe_is_that_of_the_paper(name: str, samples: int, gpus: int, rate: float) -> None:
    cfg = load_config(f'pretraining/{name}')
    sources = cfg.train_dataloader.dataset.sources
    assert {source.batch_size * gpus for source in sources.values()} == {samples}
    ratios = {key: source.ratio for key, source in sources.items()}
    assert cfg.auto_scale_lr.base_batch_size == samples
    assert cfg.default_hooks.checkpoint.save_best == 'text_to_video_R@1'
    pairs = (ratios['image'] + ratios['video']) / sum(ratios.values()) * samples * cfg.train_cfg.max_iters
    assert pairs / 16.5e6 == pytest.approx(30, abs=0.01)  # epochs
    assert ratios['image'] / ratios['video'] == pytest.approx(14 / 2.5, rel=0.07)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.lr, tuple(optimizer.betas), optimizer.weight_decay) == (rate, (0.9, 0.98), 0.02)
    assert cfg.optim_wrapper.dtype == 'bfloat16'
    assert cfg.param_scheduler[0].end == cfg.param_scheduler[1].begin == 5000
    contrastive = cfg.model.tasks.retrieval.contrastive
    assert (contrastive.momentum, contrastive.queue_size) == (0.995, 65536)
    steps = [step for source in sources.values() for step in source.dataset.pipeline]
    assert {step.num_frames for step in steps if 'num_frames' in step} == {4}
    assert {step.size for step in steps if 'size' in step} == {224}
    assert all(step.max_length <= 64 for step in steps if 'clean' in step), 'some "words" have hundreds of tokens'
    named = {task for source in sources.values() for task in source.tasks}
    assert named == set(cfg.model.tasks)


@pytest.mark.parametrize('name', ['pretraining/mplug2_base', 'pretraining/mplug2_large', 'mini/pretrain'])
def test_all_generation_tasks_of_section_3_2_are_trained(name: str) -> None:
    tasks = set(load_config(name).model.tasks)
    assert {f'{media}_{task}' for media in ('image', 'video') for task in ('captioning', 'answering')} < tasks
    assert {'completion', 'mlm', 'retrieval'} < tasks


def test_masked_words_of_text_alone_are_a_recipe() -> None:
    assert load_config('pretraining/mplug2_base').model.tasks.mlm.fused
    assert not load_config('pretraining/mplug2_base_text_mlm').model.tasks.mlm.fused
