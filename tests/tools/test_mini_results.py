"""The command of the mini results: runs once, goes on where it stopped, takes in runs made by hand, knows what chance is."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from mplug2.config.load import find_config, load_config
from tests.runs import ROOT

NAME = 'experiments/mini_results'
METRICS = {'accuracy': 40.0, 'seconds': 1.0}


class Tools:
    """Stands in for the tools: leaves in the work directory what they leave, and can be killed in training."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.commands, self.killed = module, [], False

    def __call__(self, command: list[str], log: Path, until: float | None = None) -> None:
        self.commands.append(command)
        config = command[1]
        folder = Path(command[command.index('--work-dir') + 1])
        if 'test.py' in command[0]:
            seed = int(folder.parent.name.removeprefix('seed_'))
            folder.mkdir(parents=True, exist_ok=True)
            load_config(config).dump(str(folder / f'{Path(config).name}.py'))
            Path(command[command.index('--out') + 1]).write_text(json.dumps(METRICS | {'accuracy': 40.0 + 2 * seed}))
            return
        seed = int(command[command.index('--seed') + 1])
        leave_work(self.module, folder, config, seed)
        if self.killed:
            raise self.module.RowError('killed')


def leave_work(module: ModuleType, folder: Path, config: str, seed: int, options: dict | None = None) -> None:
    """What training leaves: the dumped config, a checkpoint, and logs of 100 steps of half a second."""
    cfg = load_config(config, {'randomness.seed': seed, **(options or {})})
    logs = folder / '20260101_120000/vis_data'
    logs.mkdir(parents=True, exist_ok=True)
    cfg.dump(str(folder / f'{Path(config).name}.py'))
    (folder / 'iter_100.pth').touch()
    records = [dict(step=50, time=0.5, loss=1.0), dict(step=50, time=9.0, accuracy=3.0), dict(step=100, time=0.7, loss=1.0)]
    (logs / 'scalars.json').write_text('\n'.join(map(json.dumps, records)))


@pytest.fixture
def module(script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    module = script(NAME)
    rows = {name: row if name == 'image_captioning_cider' else replace(row, start=None) for name, row in module.ROWS.items()}
    rows['video_qa_blind'] = replace(rows['video_qa_blind'], options={})  # a row that is its config
    monkeypatch.setattr(module, 'ROWS', rows)
    monkeypatch.setattr(module, '_chance_of', lambda row, out: {'accuracy': 12.5})
    return module


@pytest.fixture
def tools(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Tools:
    tools = Tools(module)
    monkeypatch.setattr(module, 'call', tools)
    return tools


def test_a_run_is_trained_and_tested_once(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    row = module.ROWS['video_qa_blind']
    kept = module.run(row, 1, tmp_path)
    assert kept['metrics'] == {'accuracy': 42.0}
    assert kept['minutes'] == pytest.approx((50 * 0.5 + 50 * 0.7) / 60, abs=0.05)
    assert [Path(command[0]).name for command in tools.commands] == ['train.py', 'test.py']
    assert tools.commands[0][1:] == [
        'mini/video_qa_blind',
        '--work-dir',
        str(tmp_path / 'video_qa_blind/seed_1'),
        '--seed',
        '1',
    ]
    assert module.run(row, 1, tmp_path) == kept
    assert len(tools.commands) == 2


def test_a_stopped_run_goes_on(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    row = module.ROWS['video_qa_blind']
    tools.killed = True
    with pytest.raises(module.RowError):
        module.run(row, 0, tmp_path)
    assert module.results([row], tmp_path) == []
    tools.killed = False
    module.run(row, 0, tmp_path)
    assert ['--resume' in command for command in tools.commands] == [False, True, False]


def test_options_reach_training_and_test(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    module.run(replace(module.ROWS['video_qa_blind'], options={'train_cfg.max_iters': 7}), 0, tmp_path)
    assert all(command[-2:] == ['--cfg-options', 'train_cfg.max_iters=7'] for command in tools.commands)


def test_a_row_starts_from_another(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    row = replace(module.ROWS['video_qa_blind'], name='after', start='video_qa_blind', start_key='load_from')
    with pytest.raises(module.RowError, match='starts from video_qa_blind, of which no seed is done'):
        module.run(row, 2, tmp_path)
    module.run(module.ROWS['video_qa_blind'], 2, tmp_path)
    module.run(row, 2, tmp_path)
    module.run(module.ROWS['video_qa_blind'], 0, tmp_path)
    module.run(row, 1, tmp_path)
    starts = [word for command in tools.commands for word in command if word.startswith('load_from=')]
    assert starts == [f'load_from={tmp_path}/video_qa_blind/seed_{seed}/iter_100.pth' for seed in (2, 0)], (
        'its own seed, or the first'
    )


def test_shipped_weights_are_a_start_or_are_tested_as_they_are(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    row = module.ROWS['video_qa_blind']
    module.run(replace(row, name='started', start='mplug2_tiny', start_key='load_from'), 0, tmp_path)
    assert tools.commands[0][-2:] == ['--cfg-options', 'load_from=mplug2_tiny']
    zero = replace(row, name='zero', start='mplug2_tiny', trained=False)
    kept = module.run(zero, 0, tmp_path)
    assert [command[2] for command in tools.commands[2:]] == ['mplug2_tiny'], 'no training'
    assert (kept['steps'], kept['minutes']) == (None, None)
    assert module.run(zero, 0, tmp_path) == kept
    with pytest.raises(module.RowError, match='differs from row zero in model'):
        module.run(replace(zero, options={'model.network.decoder.num_layers': 1}), 0, tmp_path)


def test_a_row_may_be_tested_by_other_configs(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    tests = {'mini/video_qa': {'test_dataloader.batch_size': 7}, 'mini/image_qa': {}}
    row = replace(module.ROWS['video_qa_blind'], options={'train_cfg.max_iters': 9}, tests=tests)
    kept = module.run(row, 1, tmp_path)
    folder = tmp_path / row.name / 'seed_1'
    first, second = tools.commands[1:]
    assert (first[1:3], first[-1]) == (['mini/video_qa', str(folder)], 'test_dataloader.batch_size=7')
    assert second[1:3] == ['mini/image_qa', str(folder)]
    assert 'train_cfg.max_iters=9' not in second
    assert (folder / 'test_1.json').is_file()
    assert kept['metrics'] == {'accuracy': 42.0}
    (folder / 'test_1.json').unlink()
    with pytest.raises(module.RowError, match=r'no test_1\.json; write it by tools/test\.py mini/image_qa'):
        module.keep(row, 1, folder, tmp_path / 'out')


def test_a_run_with_another_config_is_not_passed_off(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    row = module.ROWS['video_qa_blind']
    module.run(row, 0, tmp_path)
    changed = replace(row, options={'optim_wrapper.optimizer.lr': 0.5})
    with pytest.raises(module.RowError, match='differs from row video_qa_blind in optim_wrapper'):
        module.run(changed, 0, tmp_path)


def test_a_run_whose_parts_came_from_another_row_is_its_own(module: ModuleType, tmp_path: Path) -> None:
    row = replace(module.ROWS['video_qa'], start='video_qa_blind', start_key='model.init_cfg.source')
    leave_work(module, tmp_path, 'mini/video_qa', 4, {'model.init_cfg.source': 'elsewhere/iter_9.pth'})
    assert module.check_same(row, tmp_path) == 4
    with pytest.raises(module.RowError, match='differs from row video_qa in model'):
        module.check_same(replace(row, start=None), tmp_path)


def test_runs_made_by_hand_are_taken_in(module: ModuleType, tmp_path: Path) -> None:
    row, folder = module.ROWS['video_qa'], tmp_path / 'work'
    leave_work(module, folder, 'mini/video_qa', 3)
    with pytest.raises(module.RowError, match=r'no test\.json'):
        module.adopt(row, folder, tmp_path / 'out')
    (folder / 'test.json').write_text(json.dumps({'seconds': 3.0}))
    with pytest.raises(module.RowError, match='have no accuracy but seconds'):
        module.adopt(row, folder, tmp_path / 'out')
    (folder / 'test.json').write_text(json.dumps(METRICS))
    kept = module.adopt(row, folder, tmp_path / 'out')
    assert (kept['seed'], kept['metrics'], kept['folder']) == (3, {'accuracy': 40.0}, str(folder))
    assert module.run(row, 3, tmp_path / 'out') == kept, 'it counts as done'


def test_runs_of_other_configs_are_refused(module: ModuleType, tmp_path: Path) -> None:
    leave_work(module, tmp_path, 'mini/video_qa', 0, {'train_cfg.max_iters': 5, 'model.network.decoder.num_layers': 1})
    with pytest.raises(module.RowError, match='in model, train_cfg'):
        module.adopt(module.ROWS['video_qa'], tmp_path, tmp_path / 'out')
    with pytest.raises(module.RowError, match=r'no image_qa\.py'):
        module.adopt(module.ROWS['image_qa'], tmp_path, tmp_path / 'out')


def test_files_hold_mean_and_spread(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    rows = [module.ROWS[name] for name in ('video_qa', 'video_qa_blind', 'image_qa')]
    module.run(rows[0], 0, tmp_path)
    for seed in (0, 1, 2):
        module.run(rows[1], seed, tmp_path)
    module.write(rows, tmp_path, tmp_path)
    one, three = json.loads((tmp_path / 'mini.json').read_text())
    keys = 'task config metric mean std seeds chance minutes steps options start benchmark hardware command commit'
    assert ' '.join(one) == keys
    assert (one['task'], one['metric'], one['mean'], one['std'], one['seeds'], one['chance']) == (
        'video_qa',
        'accuracy',
        40.0,
        None,
        1,
        12.5,
    )
    assert (three['mean'], three['std'], three['seeds'], three['minutes']) == (42.0, 2.0, 3, 1.0)
    assert three['command'].endswith('--rows video_qa_blind --seeds 0 1 2')
    page = (tmp_path / 'mini.md').read_text()
    assert '| video_qa_blind | accuracy | 42.00 ± 2.00 | 12.50 | 3 | 600 | 1.0 |' in page
    assert page.index('## Tasks') < page.index('## Controls')


def test_runs_of_a_row_that_has_changed_are_left_out(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    row = module.ROWS['video_qa_blind']
    module.run(row, 0, tmp_path)
    assert [record['seeds'] for record in module.results([row], tmp_path)] == [1]
    module.write([row], tmp_path, tmp_path)
    for changed in (replace(row, options={'train_cfg.max_iters': 7}), replace(row, start='mplug2_tiny')):
        assert module.results([changed], tmp_path) == []
        with pytest.raises(module.RowError, match=r'other overrides or from another start|differs from row'):
            module.run(changed, 0, tmp_path)
        module.write([changed], tmp_path, tmp_path)
        assert json.loads((tmp_path / 'mini.json').read_text()) == []  # nor does an old record stand for it
        module.write([row], tmp_path, tmp_path)
        assert len(json.loads((tmp_path / 'mini.json').read_text())) == 1


def test_rows_that_are_scored_alike_stand_side_by_side(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    variants = [module.ROWS[f'image_qa_table17_{variant}'] for variant in ('single', 'joint')]
    for row in variants:
        module.run(replace(row, start=None), 0, tmp_path)
    (tmp_path / variants[1].name / 'seed_0' / module.MEASURED).write_text('{"gap": 0.5}')
    module.write(variants, tmp_path, tmp_path)
    page = (tmp_path / 'mini.md').read_text().splitlines()
    table = page[page.index('## Table 17, vision-language column') + 2 :]
    assert [[cell.strip() for cell in line.strip('|').split('|')] for line in table if '---' not in line] == [
        ['row', '', 'accuracy', 'gap', 'seeds', 'steps', 'minutes'],
        ['image_qa_table17_single', 'question answering alone', '40.00', '', '1', '250', '1.0'],
        ['image_qa_table17_joint', 'joint training, layers for text alone', '40.00', '0.50', '1', '750', '1.0'],
        ['chance', '', '12.50', '', '', '', ''],
    ]


def test_what_is_written_stays_until_as_many_seeds_are_done(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    row, gone = module.ROWS['video_qa_blind'], module.ROWS['image_qa']
    for seed in (0, 1):
        module.run(row, seed, tmp_path)
    module.run(gone, 0, tmp_path)
    module.write([row, gone], tmp_path, tmp_path)
    elsewhere = tmp_path / 'another'
    tools.module.run(row, 2, elsewhere)
    module.write([row], elsewhere, tmp_path)
    (record,) = json.loads((tmp_path / 'mini.json').read_text())
    assert (record['seeds'], record['mean']) == (2, 41.0), 'and what is no row any more is gone'
    module.run(row, 1, elsewhere)
    module.write([row], elsewhere, tmp_path)
    (record,) = json.loads((tmp_path / 'mini.json').read_text())
    assert (record['seeds'], record['mean']) == (2, 43.0)


def test_a_metric_that_a_row_gains_is_read_from_the_test_of_its_run(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    row = module.ROWS['video_qa_blind']
    module.run(row, 0, tmp_path)
    test = tmp_path / row.name / 'seed_0/test.json'
    more = replace(row, metrics=(*row.metrics, 'seconds'))
    assert module.results([more], tmp_path) == []
    test.write_text(json.dumps(json.loads(test.read_text()) | {'seconds': 9.0}))
    assert module.run(more, 0, tmp_path)['metrics'] == {'accuracy': 40.0, 'seconds': 9.0}
    assert len(module.results([more], tmp_path)) == 2


def test_runs_on_another_version_of_the_benchmark_are_refused(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    row = module.ROWS['video_qa_blind']
    module.run(row, 0, tmp_path)
    path = tmp_path / row.name / 'seed_0/run.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | {'benchmark': 1}))
    with pytest.raises(module.RowError, match='is of version 1 of the benchmark'):
        module.run(row, 0, tmp_path)


def test_old_data_are_refused(module: ModuleType, tmp_path: Path) -> None:
    manifest = tmp_path / 'mini.json'
    manifest.write_text(json.dumps(dict(version=module.VERSION)))
    module.check_data(tmp_path)
    manifest.write_text(json.dumps(dict(version=1)))
    with pytest.raises(module.RowError, match='is of version 1 of the benchmark, not'):
        module.check_data(tmp_path)


def test_one_failing_row_does_not_stop_the_others(
    module: ModuleType, tools: Tools, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'docs/results').mkdir(parents=True)
    monkeypatch.setattr('sys.argv', ['x', '--rows', 'image_captioning_cider', 'video_qa_blind', '--seeds', '0'])
    assert module.main() == 1
    assert 'starts from image_captioning' in capsys.readouterr().err
    assert [record['task'] for record in json.loads(Path('docs/results/mini.json').read_text())] == ['video_qa_blind']
    monkeypatch.setattr('sys.argv', ['x', '--list', '--rows', 'video_qa_blind'])
    assert module.main() == 0
    assert 'done 0' in capsys.readouterr().out


def test_the_first_seed_of_every_row_comes_before_a_second(script) -> None:
    jobs = script(NAME).in_turn(dict(brief=(0, 1, 2), long=(0,)))
    assert jobs == [('brief', 0), ('long', 0), ('brief', 1), ('brief', 2)]
    assert script(NAME).in_turn({}) == []


def test_runs_stop_when_the_minutes_are_over(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('sys.argv', ['x', '--rows', 'video_qa_blind', 'image_qa_blind', '--minutes', '0'])
    assert module.main() == 0, 'nothing failed'
    out = capsys.readouterr().out
    assert 'was stopped: the minutes are over' in out
    assert 'image_qa_blind' not in out, 'no further run is begun'
    assert not list(tmp_path.rglob('run.json'))


def test_a_run_that_takes_too_long_is_stopped(script, tmp_path: Path) -> None:
    module = script(NAME)
    with pytest.raises(module.OutOfTime, match='-c was stopped'):
        module.call(['-c', 'import time; time.sleep(60)'], tmp_path / 'log', time.monotonic() + 0.2)


def test_further_measurements_join_a_row(module: ModuleType, tools: Tools, tmp_path: Path) -> None:
    row = module.ROWS['video_qa_blind']
    for seed in (0, 1):
        module.run(row, seed, tmp_path)
        (tmp_path / row.name / f'seed_{seed}' / module.MEASURED).write_text(json.dumps({'modality_gap': 0.5 + seed}))
    found = {record['metric']: (record['mean'], record['seeds']) for record in module.results([row], tmp_path)}
    assert found == {'accuracy': (41.0, 2), 'modality_gap': (1.0, 2)}
    (tmp_path / row.name / 'seed_1' / module.MEASURED).unlink()
    assert [record['metric'] for record in module.results([row], tmp_path)] == ['accuracy'], 'of every seed or not at all'


def test_the_arms_of_table_17_differ_in_one_thing_each(script) -> None:
    rows = script(NAME).ROWS
    single, joint, universal = (
        load_config(rows[f'image_qa_table17_{variant}'].config, rows[f'image_qa_table17_{variant}'].options).to_dict()
        for variant in ('single', 'joint', 'universal')
    )
    assert single['model']['network'] == joint['model']['network']
    assert single['model']['init_cfg'] == universal['model']['init_cfg']
    assert joint['train_dataloader']['dataset']['sources']['answering']['dataset'] == single['train_dataloader']['dataset']
    assert set(single['optim_wrapper']['paramwise_cfg']['custom_keys']) == {'vision_encoder', 'decoder'}, 'all else is new'
    assert joint['train_cfg']['max_iters'] == len(joint['model']['tasks']) * single['train_cfg']['max_iters']
    assert (joint['model']['network']['universal'].pop('shared'), universal['model']['network']['universal'].pop('shared')) == (
        False,
        True,
    )
    assert joint == universal


def test_a_failing_tool_is_told_by_its_last_line(script, tmp_path: Path) -> None:
    module = script(NAME)
    with pytest.raises(module.RowError, match=r'ended with 3: so it is \(see'):
        module.call(['-c', 'import sys; print("so it is"); sys.exit(3)'], tmp_path / 'log')
    module.call(['-c', 'import os; print(os.environ["OMP_NUM_THREADS"])'], tmp_path / 'threads')
    assert (tmp_path / 'threads').read_text() == '1\n'


def test_rows_are_of_shipped_configs_and_their_metrics(script) -> None:
    rows = script(NAME).ROWS
    for row in rows.values():
        find_config(row.config)
        assert row.start in {None, 'mplug2_tiny', *rows}
        for config in row.tests:
            find_config(config)
    wanted = 'image_text_retrieval video_text_retrieval visual_grounding image_captioning video_captioning image_qa video_qa'
    assert {row.task for row in rows.values()} >= set(wanted.split())
    assert len({row.task for row in rows.values()}) == len(rows), 'a task names one row'


def test_what_was_measured_is_of_the_rows_as_they_are(script, tmp_path: Path) -> None:
    """Or the next run of the script would drop it."""
    for name in ('mini.json', 'mini.md'):
        (tmp_path / name).write_text((ROOT / 'docs/results' / name).read_text())
    module = script(NAME)
    module.write(list(module.ROWS.values()), tmp_path / 'no runs', tmp_path)
    for name in ('mini.json', 'mini.md'):
        assert (tmp_path / name).read_text() == (ROOT / 'docs/results' / name).read_text()


@pytest.mark.parametrize('name', ['video_qa', 'image_qa', 'video_captioning', 'visual_grounding', 'image_text_retrieval'])
def test_chance_is_computed_from_data(script, monkeypatch: pytest.MonkeyPatch, mini_home: Path, name: str) -> None:
    module = script('experiments/mini_chance')
    row = script(NAME).ROWS[name]
    monkeypatch.chdir(mini_home)
    scores = module.chance(load_config(row.config), row.chance, row.metrics)
    assert set(scores) == set(row.metrics)
    assert all(0 <= score <= 100 for score in scores.values())


def test_majority_is_counted_per_question(script) -> None:
    guess = script('experiments/mini_chance')._majority
    train = [
        dict(question='what ?', answers=['red', 'red', 'blue']),
        dict(question='how ?', answers=['slowly']),
        dict(question='how ?', answers=['slowly', 'slowly']),
    ]
    test = [dict(question=question) for question in ('what ?', 'how ?', 'new ?')]
    assert [record['pred_answer'] for record in guess(train, test)] == ['red', 'slowly', 'slowly']


def test_recall_of_a_random_order(script) -> None:
    recall = script('experiments/mini_chance')._random_recall
    assert recall('text_to_video_R@5', [1] * 50) == 10
    assert recall('text_to_video_R@10', [1] * 4) == 100
    # Two of four texts belong to each image: the first two drawn are both wrong in one of six orders.
    assert recall('image_to_text_R@2', [2, 2]) == pytest.approx(100 * 5 / 6)
