import json
import runpy
from pathlib import Path

import pytest

from mplug2.config.load import load_config
from mplug2.datasets.transforms import TokenizeTarget
from mplug2.evaluation.question_answering import vqa_accuracy
from mplug2.text import BertTokenizer
from mplug2.text.answers import common_answers, read_answers, tidy_answer

TOOL = Path(__file__).parents[2] / 'tools/data/answer_list.py'


def test_common_answers():
    found = [['red', 'red', 'blue'], ['red'], ['green'], ['blue']]
    assert common_answers(found) == [('blue', 2), ('red', 2), ('green', 1)]
    assert common_answers(found, least=2) == common_answers(found, top=2) == [('blue', 2), ('red', 2)]


SIGNED = [
    *('11:55', '6:35 pm', '2.5', '.5', '$1.00', '$20 bill', '1$', '1,000', '2% milk', '85%', '#1', '#23', '1/2', '5-6', '-3'),
    *("women's", "can't", "don't know", "o'clock", "mcdonald's", "girls' room", "girls'", "m&m's", "rock'n'roll", "70's"),
    *('t-shirt', 'merry-go-round', 'black/white', 'at&t', 'black & white', 'p.m.', '10 a.m.', 'u.s.a.', 'st. louis', 'c:'),
    *('www.nba.com', 'yes', 'on the table', 'red and white', '2', '10 of clubs'),
]


@pytest.mark.parametrize('answer', SIGNED)
def test_an_answer_that_is_learnt_as_annotated_is_right(answer):
    target, *_ = TokenizeTarget(BertTokenizer(), 'answers', choose='all')(dict(answers=[answer] * 10))['target']
    said = tidy_answer(BertTokenizer().decode(target.ids))
    assert said == answer
    assert vqa_accuracy(said, [answer] * 10) == 1
    assert vqa_accuracy(said, [answer] * 9 + ['other']) == 1


def test_vqa_answers_are_learnt_as_annotated():
    """What cleaning takes from them, `11:55` or `2.5`, the official accuracy counts."""
    for name in ('image_qa/mplug2_base_vqav2', 'image_qa/mplug2_large_vqav2_val'):
        targets = [step for step in load_config(name).train_dataloader.dataset.pipeline if step.type is TokenizeTarget]
        assert [step.get('clean') for step in targets] == [None]


def test_files(tmp_path):
    (tmp_path / 'a.json').write_text('["yes", "no"]')
    (tmp_path / 'a.txt').write_text('yes\n\nno\n')
    assert read_answers(tmp_path / 'a.json') == read_answers(tmp_path / 'a.txt') == ['yes', 'no']
    (tmp_path / 'b.json').write_text('["yes", "yes"]')
    with pytest.raises(ValueError, match="1 answers occur more than once, such as 'yes'"):
        read_answers(tmp_path / 'b.json')
    (tmp_path / 'c.json').write_text('{"yes": 1}')
    with pytest.raises(ValueError, match='expected a JSON list'):
        read_answers(tmp_path / 'c.json')
    with pytest.raises(FileNotFoundError, match=r'answer_list\.py'):
        read_answers(tmp_path / 'none.json')


def test_the_tool_writes_what_the_task_reads(mini_home, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(mini_home)
    monkeypatch.setattr('sys.argv', [str(TOOL), 'mini/image_qa', str(tmp_path / 'list.json'), '--top', '20'])
    runpy.run_path(str(TOOL), run_name='__main__')
    answers = read_answers(tmp_path / 'list.json')
    assert len(answers) == 20
    assert '20 answers' in capsys.readouterr().out


def test_the_tool_needs_a_config_that_trains(monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', [str(TOOL), 'video_qa/mplug2_base_msrvtt_zeroshot', 'list.json'])
    with pytest.raises(SystemExit):
        runpy.run_path(str(TOOL), run_name='__main__')
    assert 'video_qa/mplug2_base_msrvtt_zeroshot has no training data' in capsys.readouterr().err


def test_the_tool_keeps_signs(tmp_path, monkeypatch, capsys):
    (tmp_path / 'q.json').write_text(
        json.dumps(dict(data_subtype='train2014', questions=[dict(image_id=1, question='when?', question_id=1)]))
    )
    answered = dict(question_id=1, answers=[dict(answer='11:55')] * 10, question_type='when', answer_type='other')
    (tmp_path / 'a.json').write_text(json.dumps(dict(annotations=[answered])))
    config = tmp_path / 'config.py'
    dataset = dict(type='VQAv2', questions=str(tmp_path / 'q.json'), annotations=str(tmp_path / 'a.json'), pipeline=[])
    config.write_text(f'train_dataloader = dict(dataset={dataset!r})\n')
    monkeypatch.setattr('sys.argv', [str(TOOL), str(config), str(tmp_path / 'list.json')])
    runpy.run_path(str(TOOL), run_name='__main__')
    assert read_answers(tmp_path / 'list.json') == ['11:55']
