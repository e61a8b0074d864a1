"""What classification configs change of what they inherit arrives in the loaders."""

from __future__ import annotations

import pytest

from mplug2.config.load import load_config


def steps(loader: dict, key: str) -> list:
    return [step[key] for step in loader.dataset.pipeline if key in step]


def test_large_images() -> None:
    cfg = load_config('image_classification/mplug2_large_imagenet')
    assert steps(cfg.train_dataloader, 'size') == [336]
    assert steps(cfg.val_dataloader, 'size') == steps(cfg.test_dataloader, 'size') == [384, 336]
    robust = load_config('image_classification/mplug2_large_imagenet_robustness')
    assert steps(robust.test_dataloader, 'size') == [384, 336]
    assert next(iter(robust.test_dataloader.dataset.variants)) == 'IN-1K'


def test_a_probe_does_not_augment() -> None:
    cfg = load_config('image_classification/mplug2_base_imagenet_linear')
    names = [kind.__name__ for kind in steps(cfg.train_dataloader, 'type')]
    assert names == ['LoadImage', 'RandomResizedCrop', 'HorizontalFlip', 'PackInputs']
    assert cfg.model.frozen == ['vision_encoder', 'universal']


@pytest.mark.parametrize(('name', 'num_classes'), [('kinetics710', 710), ('kinetics400', 400), ('kinetics700', 700)])
def test_kinetics(name: str, num_classes: int) -> None:
    for size, batch in (('base', 32), ('large', 16)):
        cfg = load_config(f'video_classification/mplug2_{size}_{name}')
        assert cfg.model.tasks.classification.num_classes == num_classes
        assert cfg.train_dataloader.batch_size == batch
        for part in ('train', 'val'):
            assert cfg[f'{part}_dataloader'].dataset.ann_file == f'data/{name}/{part}_list_videos.txt'
        assert cfg.test_dataloader.dataset.data_prefix == ('data' if num_classes == 710 else f'data/{name}/videos')


def test_single_frames() -> None:
    cfg = load_config('mini/video_classification_single_frame')
    for part in ('train', 'val', 'test'):
        assert cfg[f'{part}_dataloader'].dataset.pipeline[0].steps[1].clip_len == 1


def test_arrays_are_not_loaded() -> None:
    cfg = load_config('image_classification/mplug2_large_cifar100')
    for part in ('train', 'test'):
        loader = cfg[f'{part}_dataloader']
        assert loader.dataset.split == part
        assert 'LoadImage' not in [kind.__name__ for kind in steps(loader, 'type')]


@pytest.mark.parametrize('name', ['cars', 'cifar10', 'cifar100', 'dtd', 'food101', 'sun397'])
def test_transfer_sets_choose_nothing_on_their_test_split(name: str) -> None:
    cfg = load_config(f'image_classification/mplug2_base_{name}')
    assert cfg.val_dataloader is cfg.val_cfg is cfg.val_evaluator is None
    assert 'save_best' not in cfg.default_hooks.checkpoint


def test_zero_shot_has_its_own_task() -> None:
    cfg = load_config('image_classification/mplug2_base_imagenet_zeroshot')
    task = cfg.model.tasks.retrieval
    assert task.type.__name__ == 'ZeroShotClassification'
    assert 'num_classes' not in task
    assert cfg.train_dataloader is None
