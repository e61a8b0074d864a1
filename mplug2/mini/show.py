"""Contact sheets of the mini benchmark, read from its official files, one for each kind of annotation."""

from __future__ import annotations

import csv
import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..datasets.io.image import read_image
from ..datasets.io.video import read_video


class Card(NamedTuple):
    """What to draw of a sample. photo: an image or clip, None for text alone. boxes: (box, label). polygons: outlines."""

    text: str
    photo: Path | None = None
    boxes: tuple[tuple[list[float], str], ...] = ()
    polygons: tuple[list[float], ...] = ()


def show(data: str | Path, out: str | Path, kind: str = 'all', count: int = 20) -> list[Path]:
    """Draw samples.

    Args:
        data: the benchmark's folder. out: folder for the images. kind: a key of `KINDS`, or 'all'. count: samples a kind.

    Returns:
        the images' paths.

    Raises:
        FileNotFoundError: the folder has no benchmark. KeyError: no such kind.
    """
    data = Path(data)
    if not (data / 'mini.json').exists():
        raise FileNotFoundError(f'the mini benchmark is not in {data}: build it with `mplug2 data mini --out {data}`')
    if kind != 'all' and kind not in KINDS:
        raise KeyError(f'no kind {kind!r}; kinds are {", ".join(KINDS)}')
    kinds = list(KINDS) if kind == 'all' else [kind]
    return [_draw(KINDS[name](data, count), Path(out) / f'{name}.png') for name in kinds]


def _draw(cards: list[Card], path: Path) -> Path:
    from matplotlib.figure import Figure
    from matplotlib.patches import Polygon, Rectangle

    photod = cards[0].photo is not None
    columns = 2 if not photod else 5 if cards[0].photo.suffix != '.mp4' else 3
    wide, high = {2: (7, 1.1), 5: (2.6, 3.1), 3: (5, 2.0)}[columns]
    rows = -(-len(cards) // columns)
    figure = Figure(figsize=(wide * columns, high * rows), dpi=100)
    for number, card in enumerate(cards):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.axis('off')
        text = '\n'.join(part for line in card.text.splitlines() for part in textwrap.wrap(line, int(wide * 13)))
        if not photod:
            axes.text(0, 1, text, va='top', fontsize=8, family='monospace')
            continue
        axes.imshow(_photo(card.photo), interpolation='nearest')
        for box, label in card.boxes:
            axes.add_patch(Rectangle(box[:2], *box[2:], fill=False, color='lime', linewidth=1))
            axes.text(box[0], box[1] - 2, label, color='lime', fontsize=7)
        for polygon in card.polygons:
            axes.add_patch(Polygon(np.reshape(polygon, (-1, 2)), closed=True, alpha=0.4, color='lime'))
        axes.set_title(text, fontsize=7, loc='left')
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def _photo(path: Path, frames: int = 5) -> np.ndarray:
    if path.suffix != '.mp4':
        return read_image(str(path))
    strip = read_video(path, lambda total: [round(i) for i in np.linspace(0, total - 1, frames)])
    return np.concatenate(list(strip), 1)


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def _spaced(records: list, count: int) -> list:
    """`count` records, evenly spaced over the list."""
    return [records[i] for i in np.linspace(0, len(records) - 1, min(count, len(records))).astype(int)]


def _coco_caption(data: Path, count: int) -> list[Card]:
    images = _spaced(_json(data / 'coco/annotations/dataset_coco.json')['images'], count)
    return [
        Card(
            '\n'.join(dict.fromkeys(s['raw'] for s in image['sentences'])),
            data / 'coco' / image['filepath'] / image['filename'],
        )
        for image in images
    ]


def _coco_file(data: Path, image_id: int) -> Path:
    return next(path for path in (data / 'coco').glob(f'*2014/*_{image_id:012d}.jpg'))


def _vqa(data: Path, count: int) -> list[Card]:
    questions = _json(data / 'vqa/v2_OpenEnded_mscoco_val2014_questions.json')['questions']
    answers = {a['question_id']: a for a in _json(data / 'vqa/v2_mscoco_val2014_annotations.json')['annotations']}
    cards = []
    for question in _spaced(questions, count):
        words = [answer['answer'] for answer in answers[question['question_id']]['answers']]
        counts = ', '.join(f'{word} x{words.count(word)}' for word in dict.fromkeys(words))
        cards.append(Card(f'{question["question"]}\n{counts}', _coco_file(data, question['image_id'])))
    return cards


def _instances(data: Path, count: int) -> list[Card]:
    content = _json(data / 'coco/annotations/instances_val2014.json')
    names = {category['id']: category['name'] for category in content['categories']}
    cards = []
    for image in _spaced(content['images'], count):
        own = [record for record in content['annotations'] if record['image_id'] == image['id']]
        boxes = tuple((record['bbox'], names[record['category_id']]) for record in own)
        polygons = tuple(polygon for record in own for polygon in record['segmentation'])
        cards.append(Card(f'{len(own)} instances', data / 'coco/val2014' / image['file_name'], boxes, polygons))
    return cards


def _refcoco(data: Path, count: int) -> list[Card]:
    boxes = {a['id']: a['bbox'] for a in _json(data / 'coco/annotations/instances_val2014.json')['annotations']}
    cards = []
    for kind in ('refcoco', 'refcoco+', 'refcocog'):
        refs = [ref for ref in _json(data / f'refcoco/{kind}/refs.json') if ref['split'].startswith('test')]
        for ref in _spaced(refs, count // 3 + 1):
            text = f'{kind}: ' + '\n'.join(sentence['sent'] for sentence in ref['sentences'])
            cards.append(Card(text, data / 'coco/val2014' / ref['file_name'], ((boxes[ref['ann_id']], ''),)))
    return cards[:count]


def _msrvtt(data: Path, count: int) -> list[Card]:
    content = _json(data / 'msrvtt/test_videodatainfo.json')
    cards = []
    for video in _spaced(content['videos'], count):
        captions = [s['caption'] for s in content['sentences'] if s['video_id'] == video['video_id']]
        cards.append(Card('\n'.join(dict.fromkeys(captions)), data / f'msrvtt/videos/{video["video_id"]}.mp4'))
    return cards


def _retrieval(data: Path, count: int) -> list[Card]:
    with open(data / 'msrvtt/MSRVTT_JSFUSION_test.csv', newline='') as file:
        rows = _spaced(list(csv.DictReader(file)), count)
    return [Card(row['sentence'], data / f'msrvtt/videos/{row["video_id"]}.mp4') for row in rows]


def _msvd(data: Path, count: int) -> list[Card]:
    captions: dict[str, list[str]] = {}
    for line in (data / 'msvd/AllVideoDescriptions.txt').read_text().splitlines():
        name, caption = line.split(' ', 1)
        captions.setdefault(name, []).append(caption)
    names = (data / 'msvd/test_list.txt').read_text().split()
    return [Card('\n'.join(dict.fromkeys(captions[n])), data / f'msvd/videos/{n}.mp4') for n in _spaced(names, count)]


def _msrvtt_qa(data: Path, count: int) -> list[Card]:
    return [
        Card(f'{record["question"]} -> {record["answer"]}', data / f'msrvtt/videos/video{record["video_id"]}.mp4')
        for record in _spaced(_json(data / 'msrvtt_qa/test_qa.json'), count)
    ]


def _msvd_qa(data: Path, count: int) -> list[Card]:
    lines = (data / 'msvd_qa/youtube_mapping.txt').read_text().splitlines()
    names = {int(line.split()[1].removeprefix('vid')): line.split()[0] for line in lines}
    return [
        Card(f'{record["question"]} -> {record["answer"]}', data / f'msvd/videos/{names[record["video_id"]]}.mp4')
        for record in _spaced(_json(data / 'msvd_qa/test_qa.json'), count)
    ]


def _imagenet(data: Path, count: int) -> list[Card]:
    names = dict(line.split(' ', 1) for line in (data / 'imagenet/LOC_synset_mapping.txt').read_text().splitlines())
    return [Card(names[path.parent.name], path) for path in _spaced(sorted((data / 'imagenet/val').rglob('*.JPEG')), count)]


def _kinetics(data: Path, count: int) -> list[Card]:
    names = (data / 'kinetics/label_map.txt').read_text().splitlines()
    lines = _spaced((data / 'kinetics/kinetics_test_list_videos.txt').read_text().splitlines(), count)
    return [Card(names[int(label)], data / 'msvd/videos' / path) for path, label in (line.split() for line in lines)]


def _glue(data: Path, count: int) -> list[Card]:
    with open(data / 'glue/RTE/dev.tsv', newline='') as file:
        rows = _spaced(list(csv.DictReader(file, delimiter='\t')), count)
    return [Card(f'{row["sentence1"]}\n=> {row["sentence2"]}\n{row["label"]}') for row in rows]


def _squad(data: Path, count: int) -> list[Card]:
    cards = []
    for paragraph in _json(data / 'squad/dev-v2.0.json')['data'][0]['paragraphs'][: count // 2]:
        for question in paragraph['qas'][:2]:
            answer = ', '.join(a['text'] for a in question['answers']) or '(no answer)'
            cards.append(Card(f'{paragraph["context"]}\n{question["question"]} -> {answer}'))
    return cards


def _gigaword(data: Path, count: int) -> list[Card]:
    sources, targets = ((data / f'gigaword/test.{kind}.txt').read_text().splitlines() for kind in ('src', 'tgt'))
    return [Card(f'{source}\n=> {target}') for source, target in _spaced(list(zip(sources, targets, strict=True)), count)]


def _corpus(data: Path, count: int) -> list[Card]:
    return [Card(line) for line in _spaced((data / 'corpus/corpus.txt').read_text().splitlines(), count)]


KINDS: dict[str, Callable[[Path, int], list[Card]]] = {
    'coco_caption': _coco_caption,
    'vqa': _vqa,
    'instances': _instances,
    'refcoco': _refcoco,
    'imagenet': _imagenet,
    'msrvtt': _msrvtt,
    'msrvtt_qa': _msrvtt_qa,
    'retrieval': _retrieval,
    'msvd': _msvd,
    'msvd_qa': _msvd_qa,
    'kinetics': _kinetics,
    'glue': _glue,
    'squad': _squad,
    'gigaword': _gigaword,
    'corpus': _corpus,
}
