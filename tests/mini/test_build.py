"""The files of the mini benchmark: the same on every machine, in the official formats, convincing to look at."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from mplug2.cli import main
from mplug2.config.load import config_folder, load_config
from mplug2.datasets import (
    MSRVTTQA,
    MSVDQA,
    CocoCaption,
    MSRVTTCaption,
    MSVDCaption,
    MultiModalDataset,
    RefCOCO,
    VQAv2,
)
from mplug2.datasets.io.video import read_video
from mplug2.mini import WORDS, build
from mplug2.mini.show import KINDS
from mplug2.mini.vocabulary import vocabulary
from mplug2.mini.world import DIGITS, SPLITS
from mplug2.text import BertTokenizer
from mplug2.text.instructions import registered_instructions
from mplug2.text.tokenizer import _VOCABS


@pytest.fixture(scope='module')
def data(mini_home: Path) -> Path:
    return mini_home / 'data' / 'mini'


def test_it_does_not_build_among_other_files(tmp_path: Path) -> None:
    other = tmp_path / 'coco/annotations/dataset_coco.json'
    other.parent.mkdir(parents=True)
    other.write_text('{}')
    assert main(['data', 'mini', '--out', str(tmp_path), '--scale', '0.01']) != 0
    assert other.read_text() == '{}'


@pytest.mark.slow
def test_two_builds_are_equal_to_the_byte(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """The first was rendered by one process, this one by two."""
    assert main(['data', 'mini', '--out', str(tmp_path), '--workers', '2', '--scale', '0.01']) == 0
    ours, theirs = ({file.relative_to(folder) for file in folder.rglob('*') if file.is_file()} for folder in (data, tmp_path))
    ours = {file for file in ours if file.parts[0] != 'tiny'}  # stand-ins that smoke tests of this session put there
    assert ours == theirs
    assert len(ours) > 250
    different = [file for file in sorted(ours) if (data / file).read_bytes() != (tmp_path / file).read_bytes()]
    assert different == []
    capsys.readouterr()
    build(tmp_path, scale=0.01)
    assert 'already built (seed 0, scale 0.01)' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('dataset', 'sizes'),
    [
        (
            lambda at, split: CocoCaption(f'{at}/coco/annotations/dataset_coco.json', split, data_prefix=f'{at}/coco'),
            (80, 10, 10),
        ),
        (
            lambda at, split: MSRVTTCaption(
                f'{at}/msrvtt/{"test" if split == "test" else "train_val"}_videodatainfo.json',
                {'val': 'validate'}.get(split, split),
                data_prefix=f'{at}/msrvtt/videos',
            ),
            (60, 10, 10),
        ),
        (
            lambda at, split: MSVDCaption(
                f'{at}/msvd/AllVideoDescriptions.txt',
                f'{at}/msvd/{split}_list.txt',
                suffix='.mp4',
                data_prefix=f'{at}/msvd/videos',
            ),
            (15, 10, 10),
        ),
        (lambda at, split: MSRVTTQA(f'{at}/msrvtt_qa/{split}_qa.json', data_prefix=f'{at}/msrvtt/videos'), None),
        (
            lambda at, split: MSVDQA(
                f'{at}/msvd_qa/{split}_qa.json',
                f'{at}/msvd_qa/youtube_mapping.txt',
                suffix='.mp4',
                data_prefix=f'{at}/msvd/videos',
            ),
            None,
        ),
        (lambda at, split: vqa(at, split), (320, 30, 30)),
        (lambda at, split: refcoco(at, {'test': 'testA'}.get(split, split)), None),
    ],
    ids=['coco', 'msrvtt', 'msvd', 'msrvtt_qa', 'msvd_qa', 'vqa', 'refcoco'],
)
def test_our_readers_of_the_official_files_read_it(data: Path, dataset, sizes: tuple[int, ...] | None) -> None:
    parts = [dataset(data, split) for split in SPLITS]
    if sizes is not None:
        assert tuple(map(len, parts)) == sizes
    media = [set(paths(part)) for part in parts]
    assert all(Path(path).is_file() for part in media for path in part)
    assert not media[0] & media[1] | media[0] & media[2] | media[1] & media[2]


def vqa(at: Path, split: str) -> VQAv2:
    name = {'train': 'train2014', 'val': 'minival2014', 'test': 'val2014'}[split]
    questions, annotations = f'v2_OpenEnded_mscoco_{name}_questions.json', f'v2_mscoco_{name}_annotations.json'
    return VQAv2(f'{at}/vqa/{questions}', f'{at}/vqa/{annotations}', data_prefix=f'{at}/coco')


def refcoco(at: Path, split: str) -> RefCOCO:
    instances = [f'{at}/coco/annotations/instances_{name}.json' for name in ('train2014', 'minival2014', 'val2014')]
    return RefCOCO(f'{at}/refcoco/refcoco/refs.json', instances, split, data_prefix=f'{at}/coco')


def paths(dataset: MultiModalDataset) -> Iterator[str]:
    for index in range(len(dataset)):
        yield dataset.record(index)['path']


def test_the_retrieval_lists_name_clips_of_the_split(data: Path) -> None:
    files = [f'{data}/msrvtt/{name}_videodatainfo.json' for name in ('train_val', 'test')]
    train = MSRVTTCaption(files, '9k', ids=f'{data}/msrvtt/MSRVTT_train.9k.csv')
    test = MSRVTTCaption(files, '1k-A', ids=f'{data}/msrvtt/MSRVTT_JSFUSION_test.csv')
    assert (len(train), len(test)) == (70, 10)


def test_masks_lie_on_ink_inside_their_boxes(data: Path) -> None:
    coco = COCO(data / 'coco' / 'annotations' / 'instances_val2014.json')
    assert len(coco.imgs) == 10
    for annotation in coco.anns.values():
        mask = coco.annToMask(annotation)
        left, top, width, height = map(round, annotation['bbox'])
        inside = mask[top : top + height, left : left + width]
        assert inside.sum() > 0.97 * mask.sum() > 0
        assert inside.any(0).mean() > 0.9
        assert inside.any(1).mean() > 0.9  # the box is tight


def test_media_are_what_they_should_be(data: Path) -> None:
    image = cv2.imread(str(next(data.glob('coco/train2014/*.jpg'))))
    assert image.shape == (128, 128, 3)
    assert image.std() > 10
    for clip in list(data.glob('msrvtt/videos/*.mp4'))[:3]:
        frames = read_video(clip, range)
        assert 20 <= len(frames) <= 35  # 2 to 3.5 s at 10 a second
        assert frames.shape[1:] == (96, 96, 3)


def test_language_files(data: Path) -> None:
    for name, columns in (('train', 4), ('dev', 4), ('test', 3)):
        with open(data / 'glue' / 'RTE' / f'{name}.tsv') as file:
            rows = list(csv.reader(file, delimiter='\t', quoting=csv.QUOTE_NONE))
        assert {len(row) for row in rows} == {columns}
        if columns == 4:
            assert {row[3] for row in rows[1:]} == {'entailment', 'not_entailment'}
    for name in ('train', 'dev'):
        (article,) = json.loads((data / 'squad' / f'{name}-v2.0.json').read_text())['data']
        for paragraph in article['paragraphs']:
            assert sum(question['is_impossible'] for question in paragraph['qas']) == 1
            for question in paragraph['qas']:
                for answer in question['answers']:
                    start = answer['answer_start']
                    assert paragraph['context'][start : start + len(answer['text'])] == answer['text']
                assert {answer['text'] for answer in question['answers']} == read_answers(
                    paragraph['context'], question['question']
                )
    for name in ('train', 'dev', 'test'):
        source, target = ((data / 'gigaword' / f'{name}.{kind}.txt').read_text().splitlines() for kind in ('src', 'tgt'))
        assert len(source) == len(target)


def read_answers(context: str, question: str) -> set[str]:
    """What the texts of the benchmark say, by their grammar: none or one."""
    sentence_about = {words[2]: words for words in (sentence.split() for sentence in context.split('.')) if words}
    asked = question.split()
    sentences = [sentence_about[asked[6 if asked[1] == 'digit' else 7]]] if 'photo' in asked else sentence_about.values()
    pairs = [pair for words in sentences for pair in itertools.pairwise(words) if pair[1] in DIGITS]
    subject = asked[3] if asked[1] == 'digit' else asked[4]
    return {pair[asked[1] == 'digit'] for pair in pairs if subject in pair}


def test_the_action_list_points_at_clips(data: Path) -> None:
    classes = (data / 'kinetics' / 'label_map.txt').read_text().splitlines()
    for split in SPLITS:
        for line in (data / 'kinetics' / f'kinetics_{split}_list_videos.txt').read_text().splitlines():
            name, label = line.split()
            assert (data / 'msvd' / 'videos' / name).is_file()
            assert 0 <= int(label) < len(classes) == 12


def test_the_class_folders(data: Path) -> None:
    synsets = dict(line.split() for line in (data / 'imagenet' / 'LOC_synset_mapping.txt').read_text().splitlines())
    assert len(synsets) == 10
    for split in SPLITS:
        assert {folder.name for folder in (data / 'imagenet' / split).iterdir()} == set(synsets)


def test_the_shipped_vocabulary_is_the_current_one() -> None:
    assert (_VOCABS / 'mini.txt').read_text().splitlines() == vocabulary()


def test_no_word_is_unknown(data: Path) -> None:
    tokenizer = BertTokenizer('mini')

    def strings(value: object) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (dict, list)):
            for item in value.values() if isinstance(value, dict) else value:
                yield from strings(item)

    texts = list(registered_instructions().values())
    for file in data.rglob('*.json'):
        texts += strings(json.loads(file.read_text()))
    for pattern in ('*.txt', '*.tsv', '*.csv'):
        for file in data.rglob(pattern):
            texts += file.read_text().splitlines()
    assert len(texts) > 5000
    unknown = {text for text in set(texts) if tokenizer.unk_id in tokenizer.pieces(text)}
    assert unknown == set()


def test_configs_count_the_words_that_captions_use() -> None:
    found = [file for file in config_folder().rglob('*.py') if 'fact_words = ' in file.read_text()]
    assert found
    for file in found:
        words = load_config(file).fact_words
        assert {kind: tuple(said) for kind, said in words.items()} == {kind: WORDS[kind] for kind in words}


@pytest.mark.slow
def test_every_kind_is_drawn(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(['data', 'show', '--data', str(data), '--out', str(tmp_path), '--count', '2']) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / f'{kind}.png') for kind in KINDS]
    for kind in KINDS:
        assert np.asarray(cv2.imread(str(tmp_path / f'{kind}.png'))).std() > 5


def test_showing_says_what_is_missing(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(['data', 'show', '--data', str(tmp_path)]) == 1
    assert f'the mini benchmark is not in {tmp_path}: build it with `mplug2 data mini --out' in capsys.readouterr().err
    assert main(['data', 'show', '--data', str(data), '--kind', 'audio']) == 1
    assert "no kind 'audio'; kinds are coco_caption, vqa" in capsys.readouterr().err
