"""What a new user meets when something is wrong: the last line says it in one sentence, and the exit status is 1."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mplug2.utils.files import place_file
from tests.runs import ROOT, TINY, last_line, mplug2

IMAGES = str(ROOT / 'tests' / 'engine' / 'tiny_image_captioning.py')
ONE_STEP = ['train_cfg.max_iters=1', 'train_cfg.val_begin=9', 'default_hooks.checkpoint.save_best=None']


def failing(home: Path, capsys: pytest.CaptureFixture, config: str, work_dir: Path, *options: str) -> str:
    """The last line of a training that fails."""
    assert mplug2(home, 'train', config, '--work-dir', work_dir, '--cfg-options', *ONE_STEP, *options) == 1
    message = last_line(capsys)
    assert message.startswith('mplug2 train: ')
    return message.removeprefix('mplug2 train: ')


@pytest.fixture
def msrvtt(mini_home: Path, tmp_path: Path) -> Path:
    """MSRVTT's files, of which a test may change some: copies of the annotations, links to the clips."""
    folder = tmp_path / 'data' / 'mini' / 'msrvtt'
    (folder / 'videos').mkdir(parents=True)
    source = mini_home / 'data' / 'mini' / 'msrvtt'
    for file in source.glob('*.json'):
        shutil.copy(file, folder)
    for clip in source.glob('videos/*'):
        place_file(clip, folder / 'videos' / clip.name)
    return folder


def test_a_config_that_is_not_there(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    message = failing(mini_home, capsys, 'mini/video_captionin', tmp_path)
    assert message.startswith('no config file mini/video_captionin')
    assert 'did you mean mini/video_captioning' in message


def test_an_annotation_file_that_is_not_there(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    message = failing(mini_home, capsys, TINY, tmp_path, 'train_dataloader.dataset.ann_file=data/none.json')
    assert message == 'no annotation file data/none.json'


def test_an_annotation_without_a_key(msrvtt: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = msrvtt / 'train_val_videodatainfo.json'
    content = json.loads(file.read_text())
    del content['sentences'][5]['caption']
    file.write_text(json.dumps(content))
    message = failing(tmp_path, capsys, TINY, tmp_path / 'work')
    assert message == (
        "data/mini/msrvtt/train_val_videodatainfo.json: sentences 5 has no key 'caption'; it has 'video_id', 'sen_id'"
    )


def test_an_annotation_file_that_is_cut_off(msrvtt: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = msrvtt / 'train_val_videodatainfo.json'
    file.write_text(file.read_text()[:1000])
    assert 'train_val_videodatainfo.json is not JSON' in failing(tmp_path, capsys, TINY, tmp_path / 'work')


@pytest.mark.parametrize('workers', [0, 1])
def test_clips_that_are_not_there(msrvtt: Path, tmp_path: Path, capsys: pytest.CaptureFixture, workers: int) -> None:
    shutil.rmtree(msrvtt / 'videos')
    message = failing(tmp_path, capsys, TINY, tmp_path / 'work', f'train_dataloader.num_workers={workers}')
    assert message.startswith('sample video')
    assert 'data/mini/msrvtt/videos/video' in message


@pytest.mark.parametrize('backend', ['pyav', 'decord'])
def test_truncated_clips(msrvtt: Path, tmp_path: Path, capsys: pytest.CaptureFixture, backend: str) -> None:
    for clip in (msrvtt / 'videos').iterdir():
        whole = clip.read_bytes()
        clip.unlink()
        clip.write_bytes(whole[: len(whole) // 3])
    message = failing(tmp_path, capsys, TINY, tmp_path / 'work', f'train_dataloader.dataset.pipeline.0.backend={backend}')
    assert message.startswith('sample video')
    assert 'data/mini/msrvtt/videos/video' in message


def test_empty_images(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source, folder = mini_home / 'data' / 'mini' / 'coco', tmp_path / 'data' / 'mini' / 'coco'
    shutil.copytree(source / 'annotations', folder / 'annotations')
    (folder / 'train2014').mkdir()
    for image in source.glob('train2014/*'):
        (folder / 'train2014' / image.name).touch()
    message = failing(tmp_path, capsys, IMAGES, tmp_path / 'work', 'train_dataloader.num_workers=1')
    assert message.startswith('sample ')
    assert 'data/mini/coco/train2014/COCO_train2014_' in message
    assert 'empty' in message


def test_a_wrong_type_name(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    message = failing(mini_home, capsys, TINY, tmp_path, 'model.network.universal.type=UniversalLayer')
    assert message.startswith("'UniversalLayer' is not registered as a model; searched mplug2::model and mmengine::model")
    assert "did you mean 'UniversalLayers'" in message


@pytest.mark.parametrize(
    ('option', 'near'),
    [
        ('default_hooks.checkpoint.type=CheckpointHok', 'CheckpointHook'),
        ('train_cfg.type=TrainLop', 'TrainLoop'),
        ('optim_wrapper.optimizer.type=AdamX', 'Adam'),
        ('train_dataloader.dataset.type=MSRVTTCaptions', 'MSRVTTCaption'),
        ('train_dataloader.dataset.pipeline.0.type=LoadVideos', 'LoadVideo'),
        ('param_scheduler.0.type=CosineLR', 'CosineAnnealingLR'),
        ('model.tasks.captioning.type=Captionin', 'Captioning'),
        ('model.tokenizer.type=BertTokeniser', 'BertTokenizer'),
    ],
)
def test_a_wrong_name_anywhere(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture, option: str, near: str) -> None:
    message = failing(mini_home, capsys, TINY, tmp_path, option)
    assert f'{option.split("=")[1]!r} is not registered' in message
    assert repr(near) in message


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        (
            'from mplug2.engine import TrainLop\ntrain_cfg = dict(type=TrainLop)',
            'Failed to import TrainLop from mplug2.engine in ',
        ),
        ('from mplug2.engin import TrainLoop\ntrain_cfg = dict(type=TrainLoop)', 'Failed to import mplug2.engin in '),
        ('train_cfg = dict(', "config.py is not Python at line 6: '(' was never closed"),
    ],
)
def test_a_config_with_a_slip(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture, line: str, said: str) -> None:
    config = tmp_path / 'config.py'
    base = (
        'from mmengine.config import read_base\n\nwith read_base():\n    from mplug2.configs.mini.video_captioning import *\n\n'
    )
    config.write_text(base + line + '\n')
    assert mplug2(mini_home, 'train', config, '--work-dir', tmp_path / 'work') == 1
    message = last_line(capsys)
    assert said in message
    assert 'config.py' in message


def test_a_wrong_argument_name(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    message = failing(mini_home, capsys, TINY, tmp_path, 'model.network.universal.layer=3')
    assert "takes no 'layer'; did you mean num_layers?" in message
    message = failing(mini_home, capsys, TINY, tmp_path, '+model.network.universal.layer=3')
    assert 'UniversalLayers' in message
    assert "'layer'" in message


def test_a_checkpoint_of_another_size(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path, '--cfg-options', *ONE_STEP) == 0
    wider = ['--cfg-options', 'model.network.decoder.ffn_dim=64']
    assert mplug2(mini_home, 'test', TINY, tmp_path, '--work-dir', tmp_path / 'test', *wider) == 1
    message = last_line(capsys)
    assert f'the weights of {tmp_path}/iter_1.pth do not fit the model' in message
    assert 'decoder' in message
    assert mplug2(mini_home, 'test', TINY, tmp_path / 'iter_2.pth', '--work-dir', tmp_path / 'test') == 1
    assert f'no checkpoint {tmp_path}/iter_2.pth; there are iter_1.pth' in last_line(capsys)


def test_a_work_directory_without_checkpoints(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert mplug2(mini_home, 'test', TINY, tmp_path) == 1
    assert last_line(capsys) == f'mplug2 test: no checkpoint in {tmp_path}: has training run there?'


def test_a_metric_that_validation_does_not_give(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    options = ['train_cfg.val_begin=1', 'default_hooks.checkpoint.save_best=CIDEr']
    message = failing(mini_home, capsys, TINY, tmp_path, *options)
    assert "save_best='CIDEr' is not among the metrics of validation: " in message
    assert 'CIDEr-D' in message
    assert not list(tmp_path.glob('*/vis_data/scalars.json'))  # it was refused before the first step
