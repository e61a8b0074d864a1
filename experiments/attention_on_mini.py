"""Is the map of a colour on the digit of that colour? Measured on test images of the mini benchmark.

    python experiments/attention_on_mini.py [--model mplug2_tiny] [--scenes 50]

A row for each way to ask: the share of scenes in which the strongest patch has its centre on the right digit's box, in all
scenes and in those of several digits, and the share of the latter in which the right box has the largest mean of the boxes. The
last row is chance.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mplug2 import Inferencer
from mplug2.mini.world import COLOURS, IMAGE_SIDE

DATA = Path('data/mini')


class Scene(NamedTuple):
    """path of the image; colour that is asked for; caption of the image; boxes (x, y, width, height), the asked one first."""

    path: str
    colour: str
    caption: str
    boxes: list[list[float]]


def scenes(data: Path = DATA) -> list[Scene]:
    """One for each test image: the first digit, whose colour no other of the image has."""
    images = json.loads((data / 'coco/annotations/dataset_coco.json').read_text())['images']
    instances = json.loads((data / 'coco/annotations/instances_val2014.json').read_text())['annotations']
    boxes = {instance['id']: instance['bbox'] for instance in instances}
    things: dict[int, list[tuple[str, list[float]]]] = {}
    for ref in json.loads((data / 'refcoco/refcocog/refs.json').read_text()):
        if ref['ann_id'] in boxes:
            colour = next(word for word in ref['sentences'][0]['tokens'] if word in COLOURS)
            things.setdefault(ref['image_id'], []).append((colour, boxes[ref['ann_id']]))
    listed = []
    for image in images:
        if image['cocoid'] in things:
            own = things[image['cocoid']]
            path = str(data / 'coco' / image['filepath'] / image['filename'])
            listed.append(Scene(path, own[0][0], image['sentences'][0]['raw'], [box for _, box in own]))
    return listed


def points(maps: np.ndarray, scene: Scene) -> tuple[bool, bool]:
    """Whether the strongest patch of a map (rows, columns) is on the right box, and whether that box has the largest mean."""
    row, column = np.unravel_index(maps.argmax(), maps.shape)
    x, y = (column + 0.5) / maps.shape[1] * IMAGE_SIDE, (row + 0.5) / maps.shape[0] * IMAGE_SIDE
    left, top, width, height = scene.boxes[0]
    large = cv2.resize(maps, (IMAGE_SIDE, IMAGE_SIDE), interpolation=cv2.INTER_LINEAR)
    means = [large[round(t) : round(t + h), round(s) : round(s + w)].mean() for s, t, w, h in scene.boxes]
    return left <= x <= left + width and top <= y <= top + height, int(np.argmax(means)) == 0


# Title -> method, text of a scene, further arguments, and the map that is read: the word's, or the whole text's.
WAYS = {
    'caption, the colour word, Grad-CAM': ('caption', lambda scene: scene.caption, {}, True),
    'caption, the colour word, attention': ('caption', lambda scene: scene.caption, dict(kind='attention'), True),
    'question, the text, Grad-CAM': ('answer', lambda scene: f'is there a {scene.colour} digit ?', {}, False),
    'question, the colour word, Grad-CAM': ('answer', lambda scene: f'is there a {scene.colour} digit ?', {}, True),
    'question, the colour word, attention': (
        'answer',
        lambda scene: f'is there a {scene.colour} digit ?',
        dict(kind='attention'),
        True,
    ),
    'match, the text, Grad-CAM': ('match', lambda scene: f'the {scene.colour} digit', {}, False),
    'grounding, the box, Grad-CAM': ('ground', lambda scene: f'the {scene.colour} digit', dict(part='decoder'), False),
    'grounding, the colour word, attention': (
        'ground',
        lambda scene: f'the {scene.colour} digit',
        dict(kind='attention'),
        True,
    ),
}


def measure(model: Inferencer, title: str, asked: list[Scene]) -> list[tuple[bool, bool]]:
    method, text, options, by_word = WAYS[title]
    paths, texts = [scene.path for scene in asked], [text(scene) for scene in asked]
    results = model.attention(paths, texts, method=method, **options)
    hits = []
    for scene, result in zip(asked, results, strict=True):
        maps = result.attention
        hits.append(points((maps.of(scene.colour) if by_word and scene.colour in maps.names else maps.maps[0])[0], scene))
    return hits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', default='mplug2_tiny')
    parser.add_argument('--scenes', type=int, default=50)
    args = parser.parse_args()
    every = scenes()
    chosen = [every[: args.scenes], [scene for scene in every if len(scene.boxes) > 1][: args.scenes]]
    model = Inferencer(args.model)
    print('| map | peak on the digit, % | of several digits, % | largest mean of several, % |\n|---|--:|--:|--:|')
    for title, (method, *_) in WAYS.items():
        if method in model.methods:
            (first, _), (peak, mean) = (100 * np.mean(measure(model, title, part), 0) for part in chosen)
            print(f'| {title} | {first:.0f} | {peak:.0f} | {mean:.0f} |')
    areas = [100 * np.mean([scene.boxes[0][2] * scene.boxes[0][3] / IMAGE_SIDE**2 for scene in part]) for part in chosen]
    print(f'| chance | {areas[0]:.0f} | {areas[1]:.0f} | {100 * np.mean([1 / len(scene.boxes) for scene in chosen[1]]):.0f} |')


if __name__ == '__main__':
    main()
