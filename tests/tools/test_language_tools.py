"""The converters of movie reviews and MRPC, and the sweep over the paper's search space."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mplug2.config.load import load_config
from mplug2.datasets import GLUE, TGIFFrameQA


def test_reviews(script, tmp_path: Path) -> None:
    module = script('tools/data/reviews')
    lines = [f'{number}\t{rating}\t  A film   number {number % 900} .' for number, rating in enumerate([1.5, -0.2, 0.0] * 600)]
    source = tmp_path / 'snippets.txt'
    source.write_text('\n'.join(lines), encoding='utf-8')
    found = module.convert(source, tmp_path / 'out')
    assert sum(map(len, found.values())) == 1200  # ties are dropped
    assert sum(map(sum, found.values())) == 600
    splits = {split: GLUE('sst2', str(tmp_path / f'out/{split}.tsv')) for split in found}
    texts = {split: {data.record(row)['sentence1'] for row in range(len(data))} for split, data in splits.items()}
    assert not texts['train'] & texts['test']
    assert not texts['train'] & texts['dev']
    assert len(texts['test']) / 600 == pytest.approx(0.12, abs=0.05)
    assert all(text.startswith('A film number') for text in texts['dev'])
    source.write_text('1\tfine\tA film.')
    with pytest.raises(ValueError, match=r'snippets\.txt: line 1 is not a number, a rating and a text'):
        module.convert(source, tmp_path / 'out')


def test_mrpc(script, tmp_path: Path) -> None:
    module = script('tools/data/mrpc')
    head = '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n'
    (tmp_path / 'msr_paraphrase_train.txt').write_text(
        head + '1\t10\t11\tHe "left.\tHe went.\r\n0\t20\t21\ta\tb\r\n', newline=''
    )
    (tmp_path / 'msr_paraphrase_test.txt').write_text(head + '1\t30\t31\tc\td\r\n', newline='')
    (tmp_path / 'mrpc_dev_ids.tsv').write_text('20\t21\n')
    assert module.convert(tmp_path, tmp_path / 'out') == dict(train=1, dev=1, test=1)
    read = {name: GLUE('mrpc', str(tmp_path / f'out/{name}.tsv')).record(0) for name in ('train', 'dev', 'test')}
    assert [read[name]['label'] for name in read] == [1, 0, None]
    assert read['train']['sentence1'] == 'He "left.'
    assert read['test']['index'] == 0
    (tmp_path / 'mrpc_dev_ids.tsv').write_text('20\t99\n')
    with pytest.raises(ValueError, match=r'mrpc_dev_ids\.tsv: the pair 20 99 is not in'):
        module.convert(tmp_path, tmp_path / 'out')


@pytest.fixture
def sweep(script):
    return script('experiments/glue_sweep')


def test_the_space_is_the_papers(sweep) -> None:
    assert len(sweep.EPOCHS) * len(sweep.LEARNING_RATES) * len(sweep.BATCHES) == 45
    found = sweep.options(sweep.Point(10, 5e-5, 32), samples=2490)
    assert found['train_cfg.val_interval'] == 78
    assert found['param_scheduler.0.end'] == found['param_scheduler.1.begin'] == 47
    assert sweep.options(sweep.Point(10, 5e-5, 32), 2490, processes=8)['train_dataloader.batch_size'] == 4
    with pytest.raises(ValueError, match='3 processes cannot share a batch of 32'):
        sweep.options(sweep.Point(5, 3e-5, 32), 2490, 3)
    cfg = load_config('text_classification/mplug2_base_rte', sweep.options(sweep.Point(7, 1e-4, 64), 2490))
    assert (cfg.train_cfg.max_epochs, cfg.train_dataloader.batch_size, cfg.param_scheduler[1].begin) == (7, 64, 16)
    assert cfg.optim_wrapper.optimizer.lr == 1e-4


def test_runs_are_kept_and_ranked(sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def run(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess:
        assert env['PATH'].split(os.pathsep)[0] == str(Path(sys.executable).parent)
        started.append(command)
        folder = Path(command[command.index('--work-dir') + 1])
        folder.mkdir(parents=True)
        for name in ('best.pth', 'iter_2.pth', 'iter_3.pth'):
            (folder / name).touch()
        sweep_score = 90.0 if 'lr5e-05' in folder.name else 80.0
        record = dict(file='best.pth', metric='accuracy', score=sweep_score, iter=3)
        monkeypatch.setattr(sweep, 'read_best', lambda _: record)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(sweep.subprocess, 'run', run)
    points = [sweep.Point(5, rate, 32) for rate in (3e-5, 5e-5)]
    for _ in range(2):
        scores = {point: sweep.score('mini/text_classification', point, 100, tmp_path, 1, 0) for point in points}
    assert len(started) == 2
    assert sorted(path.name for path in tmp_path.glob('*/*.pth')) == ['best.pth', 'best.pth']
    assert sweep.table(scores).splitlines()[1].split() == ['90.00', '5', '5e-05', '32', 'e5_lr5e-05_b32_s0/best.pth']
    assert json.loads((tmp_path / 'e5_lr3e-05_b32_s0/done.json').read_text())['score'] == 80.0
    assert '--resume' not in started[0]
    for rate, seed in ((3e-5, 1), (3.4e-5, 0)):  # neither is one that is done
        sweep.score('mini/text_classification', sweep.Point(5, rate, 32), 100, tmp_path, 1, seed)
    assert len(started) == 4
    monkeypatch.setattr(sweep.subprocess, 'run', lambda command, env: subprocess.CompletedProcess(command, 7))
    with pytest.raises(RuntimeError, match='e9_lr3e-05_b32_s0 ended with 7'):
        sweep.score('mini/text_classification', sweep.Point(9, 3e-5, 32), 100, tmp_path, 1, 0)


def test_chance_of_the_language_rows(script, mini_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mini_home)
    rows, chance = script('experiments/mini_rows').ROWS, script('experiments/mini_chance').chance
    found = {}
    for name in ('text_classification', 'text_qa', 'summarization'):
        row = rows[name]
        found[name] = chance(load_config(row.config), row.chance, row.metrics)
        assert set(found[name]) == set(row.metrics)
    labels = [record['label'] for record in records_of('glue/RTE/dev.tsv')]
    assert found['text_classification']['accuracy'] in [100 * labels.count(label) / len(labels) for label in (0, 1)]
    assert 0 < found['text_qa']['F1'] < 60
    assert 0 < found['summarization']['ROUGE-L'] < 90


def records_of(file: str) -> list[dict]:
    data = GLUE('rte', f'data/mini/{file}')
    return [data.record(row) for row in range(len(data))]


def test_a_split_drawn_from_a_published_file_is_checked_by_the_file(script, tmp_path: Path) -> None:
    module = script('tools/data/check')
    head, lines = 'gif_name\tquestion\tanswer\ttype\n', [f'gif{n // 3}\twhat is {n} ?\tcat\t0\n' for n in range(39_392)]
    (tmp_path / 'Train_frameqa_question.csv').write_text(head + ''.join(lines))
    (tmp_path / 'cut.csv').write_text(head + ''.join(lines[:-1]))
    for split in ('train', 'val'):
        assert module.complaint(TGIFFrameQA(str(tmp_path / 'Train_frameqa_question.csv'), split)) == ''
        assert '39391 samples, but 39392 are published' in module.complaint(TGIFFrameQA(str(tmp_path / 'cut.csv'), split))


def test_data_sets_without_media_are_checked(script, mini_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mini_home)
    module = script('tools/data/check')
    found = {part: module.summary(data) for part, data in module.datasets(load_config('mini/text_qa')).items()}
    assert all(not missing for _, missing in found.values())
    assert found['train'][0].endswith(' questions')
    assert 'images' not in found['train'][0]
