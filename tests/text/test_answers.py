import runpy
from pathlib import Path

import pytest

from mplug2.text.answers import common_answers, read_answers

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/answer_list.py'


def test_common_answers():
    found = [['red', 'red', 'blue'], ['red'], ['green'], ['blue']]
    assert common_answers(found) == [('blue', 2), ('red', 2), ('green', 1)]
    assert common_answers(found, least=2) == common_answers(found, top=2) == [('blue', 2), ('red', 2)]


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
