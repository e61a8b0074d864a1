"""The demo's page, from what its commands write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mplug2.cli import demo


def test_the_page_of_a_demo(mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mini_home)
    clips, captions = demo.held_out('mini/video_captioning')
    assert len(clips) == len(captions) == 10
    assert all(Path(clip).is_file() and len(captions[clip]) == 5 for clip in clips)

    def write(name: str, lines: list[dict]) -> None:
        (tmp_path / name).write_text(''.join(f'{json.dumps(line)}\n' for line in lines))

    said = [captions[clips[0]][0], 'nothing of the kind']
    write('captions.jsonl', [dict(source=clip, text=text) for clip, text in zip(clips, said, strict=False)])
    for number, question in enumerate(demo.QUESTIONS):
        write(f'answers_{number}.jsonl', [dict(source=clip, prompt=question, text=f'answer {number}') for clip in clips[:2]])
    for number in range(len(demo.QUERIES)):
        write(f'hits_{number}.jsonl', [dict(source=clips[2], similarity=0.5)])
    page = demo.write_page(tmp_path, {'exact_match': 50.0}, captions, ['mplug2 data mini']).read_text()
    assert f'<b class="right">{said[0]}</b>' in page
    assert f'<b class="wrong">{said[1]}</b>' in page
    assert f'expected: <b>{captions[clips[1]][0]}</b>' in page
    assert page.count('answer 1') == 2
    assert page.count('similarity 0.50') == len(demo.QUERIES)
    assert all(f'Search: {query}' in page for query in demo.QUERIES)


def test_a_demo_is_commands_that_a_user_types(
    mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Every command parses; what they do has tests of its own."""
    from mplug2.cli import main

    monkeypatch.chdir(mini_home)
    ran: list[list[str]] = []
    monkeypatch.setattr(demo.subprocess, 'run', lambda command, check, stdout: ran.append(command[3:]))
    monkeypatch.setattr(demo, 'write_page', lambda folder, metrics, captions, commands: commands)
    (tmp_path / 'test.json').write_text('{"exact_match": 1.0}')
    assert main(['demo', '--work-dir', str(tmp_path)]) == 0
    assert json.loads((tmp_path / 'metrics.json').read_text())['exact_match'] == 1.0
    assert [command[0] for command in ran][:4] == ['data', 'train', 'test', 'caption']
    assert f'$ mplug2 train {demo.CONFIG} --work-dir {tmp_path}' in capsys.readouterr().out
    for command in ran:
        with pytest.raises(SystemExit) as end:
            main([*command, '--help'])
        assert end.value.code == 0
