"""Every method on every kind of input, in order, lazily, and with bad inputs among good ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mplug2 import Inferencer, list_models
from mplug2.apis import Result
from mplug2.apis.inputs import as_frames, as_media
from mplug2.apis.pipeline import class_names_of, preprocessing_of
from mplug2.config.load import load_config
from mplug2.datasets import BadSampleError
from mplug2.datasets.io.image import read_image
from mplug2.datasets.io.video import read_video
from mplug2.datasets.transforms import LoadVideo, Resize
from mplug2.networks import Features
from mplug2.pretrained import shipped_names
from mplug2.registry import MODELS, resolve
from mplug2.structures import Batch
from tests.datasets.media import write_image, write_video


@pytest.fixture(scope='module')
def clips(mini_home: Path) -> list[str]:
    return sorted(map(str, (mini_home / 'data/mini/msrvtt/videos').glob('*.mp4')))[:5]


@pytest.fixture(scope='module')
def images(mini_home: Path) -> list[str]:
    return sorted(map(str, (mini_home / 'data/mini/coco/val2014').glob('*.jpg')))[:3]


def untrained(config: str) -> Inferencer:
    """The model of a config with the weights that the package has for its network; task heads are random."""
    cfg = load_config(config)
    torch.manual_seed(0)
    built = MODELS.build(resolve(cfg.model | dict(init_cfg=None), MODELS))
    built.init_weights()
    built.preprocessing = preprocessing_of(cfg)
    return Inferencer(built, dtype='float32')


@pytest.mark.slow
def test_a_cold_start_imports_no_training() -> None:
    code = """
import sys
from mplug2 import Inferencer
Inferencer('mplug2_tiny')
print([name for name in ('transformers', 'torch._dynamo', 'matplotlib', 'mplug2.engine', 'mmdet') if name in sys.modules])
from mmengine.registry import OPTIMIZERS
print('Adafactor' in OPTIMIZERS)
"""
    printed = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-2:] == ['[]', 'True']


def test_shipped_models_are_listed() -> None:
    assert shipped_names() == list_models()[:2] == ['mplug2_tiny', 'mplug2_tiny_multitask']


def test_captions_say_what_is_in_the_clips(model: Inferencer, clips: list[str], images: list[str]) -> None:
    one = model.caption(clips[0])
    assert isinstance(one, Result)
    assert one.source == clips[0]
    assert {'small', 'large'} & set(one.text.split())
    best = model.caption(images[0], n_best=3, num_beams=4, max_length=12)
    assert best.text == best.candidates[0].text
    assert [candidate.score for candidate in best.candidates] == sorted((c.score for c in best.candidates), reverse=True)
    assert len({candidate.text for candidate in best.candidates}) == 3
    with pytest.raises(TypeError, match=r'no keyword beams; there are .*num_beams'):
        model.caption(clips[0], beams=3)


def test_captions_are_those_of_a_test_run(model: Inferencer, clips: list[str]) -> None:
    """The inputs are to the bit what the test pipeline of the config makes."""
    cfg = load_config('mini/video_captioning')
    record = dict(path=clips[1], test_mode=True)
    read, resize = cfg.test_dataloader.dataset.pipeline[:2]
    frames = Resize(resize.size, resize.interpolation)(LoadVideo(read.num_frames, read.backend)(record))['frames']
    packed = model.pipeline('video_captioning', as_media(clips[1]), {}).packed['inputs']
    assert torch.equal(packed['frames'], torch.from_numpy(np.moveaxis(frames, -1, 1).copy()))


def test_every_kind_of_input(model: Inferencer, clips: list[str], images: list[str]) -> None:
    pixels = read_image(images[0]).copy()
    expected = model.caption(images[0]).text
    forms = [Path(images[0]), Path(images[0]).read_bytes(), Image.open(images[0]), pixels, torch.from_numpy(pixels)]
    forms += [torch.from_numpy(pixels).permute(2, 0, 1), np.dstack([pixels, np.full_like(pixels[..., :1], 255)])]
    assert [result.text for result in model.caption(forms)] == [expected] * len(forms)
    video = read_video(clips[0], lambda length: list(range(length)))
    forms = [clips[0], Path(clips[0]).read_bytes(), video, torch.from_numpy(video).permute(0, 3, 1, 2)]
    assert len({result.text for result in model.caption(forms)}) == 1
    assert as_frames(pixels[..., 0]).shape == (1, *pixels.shape)
    assert as_frames(np.zeros((2, 2, 4), np.uint8)).min() == 255, 'what is transparent shows white'
    with pytest.raises(ValueError, match='are uint8'):
        model.caption(pixels / 255)
    with pytest.raises(TypeError, match='is a int; images and clips are paths'):
        model.caption(3)


def test_a_url_is_downloaded(model: Inferencer, images: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('mplug2.apis.inputs.fetch_url', lambda url, seconds: Path(images[0]).read_bytes())
    result = model.caption('https://example.org/a.jpg')
    assert (result.source, result.text) == ('https://example.org/a.jpg', model.caption(images[0]).text)


def test_a_folder_of_mixed_files_with_broken_ones(
    model: Inferencer, clips: list[str], images: list[str], tmp_path: Path
) -> None:
    for number, source in enumerate([clips[0], images[0], clips[1]]):
        (tmp_path / f'{number}{Path(source).suffix}').write_bytes(Path(source).read_bytes())
    (tmp_path / '0a.mp4').write_bytes(b'no video')
    (tmp_path / '1a.png').touch()
    (tmp_path / 'notes.txt').write_text('not read')
    results = list(model.caption(tmp_path, batch_size=2))
    assert [Path(result.source).name for result in results] == ['0.mp4', '0a.mp4', '1.jpg', '1a.png', '2.mp4']
    assert [result.error is None for result in results] == [True, False, True, False, True]
    assert results[1].text is None
    assert '0a.mp4' in results[1].error
    assert [results[0].text, results[2].text, results[4].text] == [
        model.caption(source).text for source in (clips[0], images[0], clips[1])
    ]
    with pytest.raises(BadSampleError, match='0 bytes'):
        model.caption(tmp_path / '1a.png')


def test_a_generator_is_read_lazily_and_in_order(model: Inferencer, clips: list[str]) -> None:
    taken = []

    def endless() -> Iterator[str]:
        while True:
            taken.append(clips[len(taken) % 3])
            yield taken[-1]

    results = model.embed(endless(), batch_size=2)
    assert not taken
    assert [next(results).source for _ in range(5)] == [clips[number % 3] for number in range(5)]
    assert len(taken) <= 5 + 2 * 2 + 1
    results.close()


def test_parts_of_clips(model: Inferencer, tmp_path: Path) -> None:
    clip = write_video(tmp_path / 'grey.mp4', frames=30)  # ten a second; frame n has the grey value 8 n
    frames = as_media(dict(media=str(clip), start=1.0, end=2.0)).read(2)
    assert [round(float(frame.mean()) / 8) for frame in frames] == [12, 17]
    results = list(model.caption([str(clip), dict(media=clip, start=2.0)], start=0.5, end=1.0))
    assert [result.times for result in results] == [(0.5, 1.0), (2.0, 1.0)]
    assert results[1].error.endswith('no frames from 2.0 to 1.0 seconds; it lasts 3.00 seconds')
    with pytest.raises(BadSampleError, match='start and end are of clips'):
        model.caption(write_image(tmp_path / 'a.png'), start=1.0)


def test_answers(model: Inferencer, clips: list[str]) -> None:
    free = model.answer(clips[0], 'what colour is it ?')
    assert free.prompt == 'what colour is it ?'
    assert free.text
    questions = ['what colour is it ?', 'which digit is it ?']
    ranked = list(model.answer(clips[0], questions, choices=['red', 'blue', 'seven'], n_best=3))
    assert [result.text for result in ranked][1] == 'seven'
    assert sum(candidate.score for candidate in ranked[0].candidates) == pytest.approx(1)
    each = list(model.answer(clips[:2], questions))
    assert [(result.source, result.prompt) for result in each] == list(zip(clips[:2], questions, strict=True))


def test_matching_and_search_agree_with_captions(model: Inferencer, clips: list[str]) -> None:
    text = model.caption(clips[2]).text
    right, wrong = model.match(clips[2], [text, 'a large green nine grows'])
    assert right.score > 0.5 > wrong.score
    assert right.similarity > wrong.similarity
    embedding = model.embed(clips[2]).embedding
    assert right.similarity == pytest.approx(float(embedding @ model.embed_text(text).embedding), abs=1e-5)
    best, *rest = model.search([*clips, 'none.mp4'], text, top_k=2)
    assert best.source == clips[2]
    assert [result.error is None for result in rest] == [True, False]


def test_zero_shot_classes(model: Inferencer, mini_home: Path) -> None:
    digits = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
    files = sorted((mini_home / 'data/mini/imagenet/val').rglob('*.*'))[:1]
    result = model.classify(files[0], class_names=digits, templates=['a large red {}', 'a large blue {}'])
    assert result.text in digits
    assert len(result.candidates) == 5
    with pytest.raises(ValueError, match='give class_names'):
        model.classify(files[0])


def test_what_a_model_cannot_do_is_said(model: Inferencer, images: list[str]) -> None:
    with pytest.raises(ValueError, match=r'cannot ground \(it has no task [\w ]*Grounding\); it can caption, answer, match'):
        model.ground(images[0], 'the red one')


def test_grounding_gives_pixels(images: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    grounding = untrained('mini/visual_grounding')
    assert len(grounding.ground(images[0], 'the red seven').boxes) <= 1

    def predict(features: Features, batch: Batch) -> list:
        for sample in batch.samples:
            sample.pred_box, sample.pred_score = (0.25, 0.5, 0.75, 1.0), -1.0
        return batch.samples

    monkeypatch.setattr(grounding.model.tasks['grounding'], 'predict', predict)
    width, height = Image.open(images[0]).size
    assert grounding.ground(images[0], 'the red seven').boxes == [(width / 4, height / 2, width * 3 / 4, height)]
    with pytest.raises(ValueError, match='reads images, and this is a video'):
        grounding.ground(np.zeros((3, 8, 8, 3), np.uint8), 'x')


def test_classes_of_a_head(
    mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: list[str], clips: list[str]
) -> None:
    monkeypatch.chdir(mini_home)
    result = untrained('mini/image_classification').classify(images[0])
    assert result.text in map(str, range(10))
    assert sum(candidate.score for candidate in result.candidates) <= 1
    by_mmaction = untrained('mini/video_classification')
    results = list(by_mmaction.classify(clips[:2]))
    assert [len(result.candidates) for result in results] == [5, 5]
    again = Inferencer(by_mmaction.model.save_pretrained(tmp_path / 'actions'), dtype='float32').classify(clips[:2])
    assert [result.score for result in again] == [result.score for result in results]


def test_texts() -> None:
    summary = untrained('mini/summarization').summarize(['a large red seven moves', 'a small blue one stays'])
    assert all(isinstance(result.text, str) for result in summary)
    entailment = untrained('mini/text_classification')
    assert entailment.classify_text('a red seven', 'a seven').text in ('0', '1')
    answer = untrained('mini/text_qa').answer_text('a red seven moves left', 'which digit moves ?')
    assert answer.text in 'a red seven moves left'
    assert json.dumps(answer.to_dict())


def test_class_names_of_data_sets(mini_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mini_home)
    assert class_names_of(load_config('mini/image_classification'))['classification'][7] == 'seven'
    entailment = ['entailment', 'not_entailment']
    assert class_names_of(load_config('mini/text_classification')) == {'classification': entailment}
    many = class_names_of(load_config('mini/multitask'))
    assert sorted(many) == ['image_classification', 'text_classification', 'video_classification']
    assert (many['video_classification'][-1], many['text_classification']) == ('stays still', entailment)


def test_preprocessing_of_configs_leaves_randomness_out() -> None:
    parts = preprocessing_of(load_config('pretraining/mplug2_base'))
    names = {step['type'].__name__ for kind in ('image', 'video') for step in parts[kind]}
    assert names <= {'LoadImage', 'LoadVideo', 'Resize', 'ResizeShorter', 'CenterCrop'}


def test_detection(
    mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: list[str], clips: list[str]
) -> None:
    monkeypatch.chdir(mini_home)
    cfg = load_config('mini/detection')
    torch.manual_seed(0)
    detector = MODELS.build(resolve(cfg.model, MODELS))
    torch.save({'state_dict': detector.state_dict()}, tmp_path / 'random.pth')
    model = Inferencer(tmp_path / 'random.pth', config='mini/detection')
    assert model.methods == ['detect', 'segment']
    broken, single, *others = model.detect(
        [tmp_path / 'none.jpg', images[0], clips[0], np.zeros((64, 90, 3), np.uint8)], threshold=0.0
    )
    assert 'no such file' in broken.error
    assert 'reads images, and this is a video' in others[0].error
    width, height = Image.open(images[0]).size
    assert single.boxes
    assert len(single.boxes) == len(single.labels) == len(single.scores)
    assert single.scores == sorted(single.scores, reverse=True)
    assert all(0 <= box[0] <= box[2] <= width and 0 <= box[1] <= box[3] <= height for box in single.boxes)
    assert set(single.labels) <= {'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'}
    masks = model.segment(images[0], threshold=0.0).masks
    assert masks[0].shape == (height, width)
    with pytest.raises(ValueError, match=r'cannot caption .* it can detect, segment'):
        model.caption(images[0])


def test_what_is_no_detector_detects_nothing(model: Inferencer, images: list[str]) -> None:
    with pytest.raises(ValueError, match=r'cannot detect \(it is no detector\); it can caption'):
        model.detect(images[0])
