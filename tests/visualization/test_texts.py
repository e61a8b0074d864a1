from pathlib import Path

from mplug2.visualization import is_shown, write_predictions


def test_texts_stand_beside_what_was_predicted(tmp_path: Path) -> None:
    samples = [
        dict(sample_id='dev_1', sentence1='A red 3.', sentence2='It is red.', pred_label=1, pred_score=0.9, label=0),
        dict(sample_id='test_2', sentence1='A red 3.', sentence2='It is red.', pred_label=0, label=None),
        dict(sample_id='q3', question='What is red?', context='A red 3.', pred_answer='', answers=[]),
        dict(sample_id='q4', question='What is red?', context='A red 3.', pred_answer='', answers=['3', '3', 'the 3']),
        dict(sample_id='d5', document='a red 3', pred_summary='red 3', summaries=['red 3']),
    ]
    assert all(map(is_shown, samples))
    page = write_predictions(samples, tmp_path / 'new' / 'page.md', classes=('yes', 'no')).read_text()
    parts = [part.strip().splitlines() for part in page.split('\n## ')[1:]]
    assert [part[0] for part in parts] == ['dev_1: wrong', 'test_2: not known', 'q3: right', 'q4: wrong', 'd5: right']
    assert parts[0][2:] == ['- sentence1: A red 3.', '- sentence2: It is red.', '- **predicted: no**', '- expected: yes']
    assert parts[1][-1] == '- **predicted: yes**'
    assert parts[2][-2:] == ['- **predicted: no answer**', '- expected: no answer']
    assert parts[3][-1] == '- expected: 3 / the 3'
    assert parts[4][2] == '- document: a red 3'
    assert not is_shown(dict(sample_id=1, pred_similarity=0.5))


def test_captions_that_are_kept_secret_are_not_wrong(tmp_path: Path) -> None:
    secret = dict(sample_id=1, pred_caption='a dog', captions=[])
    assert '## 1: not known' in write_predictions([secret], tmp_path / 'page.md').read_text()
