"""The page of a file of predictions: known counts, known order, and what a browser shows of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mplug2.cli import main
from mplug2.evaluation.analysis import OTHERS, class_results, confusion_matrix
from mplug2.visualization.analysis import read_cases, write_analysis
from tests.datasets.media import write_image, write_video

if TYPE_CHECKING:
    from playwright.sync_api import Page

# expected, predicted -> how often: cats are taken for dogs once, dogs for cats twice, and a bird for a plane.
COUNTS = Counter({('cat', 'cat'): 5, ('cat', 'dog'): 1, ('dog', 'dog'): 2, ('dog', 'cat'): 2, ('bird', 'plane'): 1})


def test_the_confusion_matrix() -> None:
    names, matrix = confusion_matrix(COUNTS)
    assert names == ['cat', 'dog', 'bird', 'plane']
    assert matrix.tolist() == [[5, 1, 0, 0], [2, 2, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    names, matrix = confusion_matrix(COUNTS, most=2)
    assert names == ['cat', OTHERS]
    assert matrix.tolist() == [[5, 1], [2, 3]]


def test_results_of_each_class() -> None:
    cat, dog, bird, plane = class_results(COUNTS)
    assert (cat.count, cat.recall, cat.precision, cat.mistaken_for) == (6, 5 / 6, 5 / 7, ('dog', 1))
    assert (dog.recall, dog.precision, dog.f1) == (0.5, 2 / 3, 4 / 7)
    assert (bird.recall, bird.precision, bird.f1, bird.mistaken_for) == (0.0, None, 0.0, ('plane', 1))
    assert (plane.count, plane.recall, plane.precision) == (0, None, 0.0)


@pytest.fixture(scope='module')
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As ``mplug2 test --predictions`` writes them: answers, three of them to a clip."""
    folder = tmp_path_factory.mktemp('predictions')
    clip, image = write_video(folder / 'a.mp4', frames=6), folder / 'a.jpg'
    write_image(image)
    lines = []
    for (expected, predicted), count in COUNTS.items():
        for _ in range(count):
            number = len(lines)
            path, media = (clip, 'video') if number < 3 else (image, 'image')
            lines.append(
                dict(
                    id=number,
                    prediction=dict(pred_answer=predicted, pred_score=-0.1 * number),
                    reference=dict(answers=[expected] * 3),
                    scores=dict(accuracy=100.0 * (expected == predicted)),
                    input=dict(question=f'what is <b>{number}</b> ?', path=str(path), media=media, kind=f'kind {number % 2}'),
                )
            )
    file = folder / 'predictions.jsonl'
    file.write_text(''.join(f'{json.dumps(line)}\n' for line in lines))
    return file


def content_of(page: Path) -> dict:
    return json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page.read_text(), re.DOTALL)[1])


def test_the_page_of_a_test(predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(['analyze', str(predictions), '--html', str(tmp_path), '--strips', '3']) == 0
    page = Path(capsys.readouterr().out.strip())
    content = content_of(page)
    assert content['summary'][:3] == [['samples', 11], ['right, %', 63.64], ['mean accuracy', 63.6364]]
    assert content['matrix'] == dict(
        names=['cat', 'dog', 'bird', 'plane'], counts=[[5, 1, 0, 0], [2, 2, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    )
    assert content['classes'][0][:2] == ['cat', 6]
    verdicts = [sample['right'] for sample in content['samples']]
    assert verdicts == [False] * 4 + [True] * 7
    assert content['samples'][0]['name'] == '5'  # the surest of the wrong ones
    assert [('strip' in sample) for sample in content['samples']] == [True] * 3 + [False] * 8
    assert content['filters'] == dict(kind=['kind 0', 'kind 1'], media=['image', 'video'])
    assert not re.search(r'(src|href)="?http', page.read_text())


def test_boxes_captions_ranks_and_results(tmp_path: Path) -> None:
    write_image(tmp_path / 'a.jpg')
    shared = dict(path=str(tmp_path / 'a.jpg'), media='image')
    lines = [
        dict(
            id=1,
            prediction=dict(pred_box=[0.1, 0.1, 0.5, 0.5], pred_score=0.5),
            reference=dict(box=[0.1, 0.1, 0.5, 0.6]),
            input=dict(phrase='the red two', **shared),
        ),
        dict(id=2, prediction=dict(pred_caption='a two'), reference=dict(captions=['a two', 'two']), input=shared),
        dict(id='q', prediction=dict(best=[3, 4]), input=dict(direction='text_to_image', query='q', rank=7, best=[3, 4])),
    ]
    (tmp_path / 'mixed.jsonl').write_text('\n'.join(map(json.dumps, lines)) + '\n')
    box, caption, query = read_cases(tmp_path / 'mixed.jsonl')
    assert (box.asked, box.right, [list(corners) for _, corners in box.boxes]) == (
        'the red two',
        True,
        [[0.1, 0.1, 0.5, 0.6], [0.1, 0.1, 0.5, 0.5]],
    )
    assert (caption.right, caption.expected) == (True, ['a two', 'two'])
    assert (query.right, query.scores) == (False, {'rank': -7})
    content = content_of(write_analysis([box, caption, query], tmp_path / 'page', 'mixed'))
    assert 'matrix' not in content  # captions are no classes
    assert [sample['name'] for sample in content['samples']] == ['query q', '1', '2']
    result = dict(source=str(tmp_path / 'gone.mp4'), text='a two', score=-1.5)
    (tmp_path / 'results.jsonl').write_text(json.dumps(result) + '\n')
    (case,) = read_cases(tmp_path / 'results.jsonl')
    assert (case.predicted, case.right, case.media) == ('a two', None, 'video')
    assert 'strip' not in content_of(write_analysis([case], tmp_path / 'page', 'results'))['samples'][0]
    with pytest.raises(ValueError, match='empty: no predictions in it'):
        write_analysis([], tmp_path / 'page', 'empty')


@pytest.mark.browser
def test_a_cell_of_the_matrix_shows_its_samples(page: Page, predictions: Path, tmp_path: Path) -> None:
    page_file = write_analysis(list(read_cases(predictions)), tmp_path, 'animals')
    problems: list[str] = []
    page.on('pageerror', lambda error: problems.append(str(error)))
    page.goto(page_file.as_uri())
    assert page.locator('.card').count() == 11
    assert page.locator('.card >> nth=0').inner_text().startswith('what is <b>5</b> ?')  # as text, not as markup
    page.click('#matrix td[title^="dog predicted as cat"]')
    assert page.inner_text('#count') == '2 of 11 samples: dog predicted as cat'
    page.click('text=clear the cell')
    page.select_option('#tools select >> nth=0', 'wrong')
    assert page.locator('.card').count() == 4
    page.fill('#search', 'plane')
    assert page.locator('.card').count() == 1
    page.click('#classes th:has-text("precision")')
    assert page.inner_text('#classes tbody tr:first-child td:first-child') == 'cat'
    assert np.isclose(float(page.inner_text('#classes tbody tr:first-child td:nth-child(4)')), 71.4)
    assert problems == []
