"""GLUE, SQuAD and Gigaword on files written by hand in their official formats."""

import json

import pytest

from mplug2.datasets import GLUE, AnnotationError, Gigaword, SQuAD

from .test_benchmarks import records, write

# task -> (a file with labels, its record's texts and label, a test file without)
FILES = {
    'sst2': ('sentence\tlabel\na "fine film \t1\n', ['a "fine film '], 1, 'index\tsentence\n7\tbad\n'),
    'rte': (
        'index\tsentence1\tsentence2\tlabel\n7\tIt rains.\tIt is wet.\tentailment\n',
        ['It rains.', 'It is wet.'],
        0,
        'index\tsentence1\tsentence2\n7\ta\tb\n',
    ),
    'mrpc': (
        '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t702876\t702977\tHe said "no.\tHe said no.\n',
        ['He said "no.', 'He said no.'],
        1,
        'index\t#1 ID\t#2 ID\t#1 String\t#2 String\n7\t1\t2\ta\tb\n',
    ),
    'qqp': (
        'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n7\t1\t2\tWhy?\tHow?\t0\n',
        ['Why?', 'How?'],
        0,
        'id\tquestion1\tquestion2\n7\ta\tb\n',
    ),
    'mnli': (
        'index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse\t'
        'sentence1\tsentence2\tlabel1\tgold_label\n'
        '7\t31193\t31193n\tgovernment\t( a )\t( b )\t(ROOT a)\t(ROOT b)\tOne.\tTwo.\tentailment\tneutral\n',
        ['One.', 'Two.'],
        1,
        'index\tpromptID\tpairID\tgenre\tsentence1\tsentence2\n7\t1\t1n\tfiction\ta\tb\n',
    ),
    'qnli': (
        'index\tquestion\tsentence\tlabel\n7\tWho?\tThem.\tnot_entailment\n',
        ['Who?', 'Them.'],
        1,
        'index\tquestion\tsentence\n7\ta\tb\n',
    ),
}


@pytest.mark.parametrize('task', FILES)
def test_glue(task, tmp_path):
    labelled, texts, label, test = FILES[task]
    dataset = GLUE(task, write(tmp_path / 'dev.tsv', labelled))
    (record,) = records(dataset)
    assert [record[f'sentence{place}'] for place in range(1, len(texts) + 1)] == texts
    assert record['label'] == label
    assert record['media'] == 'text'
    assert dataset.metainfo['task'] == task
    (record,) = records(GLUE(task, write(tmp_path / 'test.tsv', test), test_mode=True))
    assert (record['label'], record['index'], record['sample_id']) == (None, 7, 'test-7')


def test_the_two_files_of_mnli(tmp_path):
    labelled = FILES['mnli'][0]
    files = [write(tmp_path / f'dev_{name}.tsv', labelled) for name in ('matched', 'mismatched')]
    assert [record['subset'] for record in records(GLUE('mnli', files))] == ['matched', 'mismatched']


def test_characters_that_look_like_ends_of_lines_are_text(tmp_path):
    (record,) = records(GLUE('sst2', write(tmp_path / 'dev.tsv', 'sentence\tlabel\na\u2028b\x85c\x0cd\t0\r\n')))
    assert record['sentence1'] == 'a\u2028b\x85c\x0cd'


def test_broken_rows(tmp_path):
    head, row = FILES['qqp'][0].splitlines()
    many = '\n'.join([head, *[row] * 1500, '9\t1\t2\tcut'])
    assert len(GLUE('qqp', write(tmp_path / 'train.tsv', many))) == 1500
    with pytest.raises(AnnotationError, match=r'few\.tsv: row 1 does not have the 6 columns of the header'):
        GLUE('qqp', write(tmp_path / 'few.tsv', '\n'.join([head, row, '9\t1'])))
    with pytest.raises(AnnotationError, match=r'rte\.tsv: row 0 does not have the 4 columns'):
        GLUE('rte', write(tmp_path / 'rte.tsv', 'index\tsentence1\tsentence2\tlabel\n1\ta\tb'))


def test_glue_faults(tmp_path):
    with pytest.raises(ValueError, match=r"'sst2', 'rte'.*not 'cola'"):
        GLUE('cola', 'x')
    with pytest.raises(FileNotFoundError, match=r'no annotation file .*none\.tsv'):
        GLUE('rte', str(tmp_path / 'none.tsv'))
    with pytest.raises(AnnotationError, match=r"a\.tsv: no column 'sentence1'; its columns are question, sentence"):
        GLUE('rte', write(tmp_path / 'a.tsv', 'question\tsentence\na\tb\n'))
    with pytest.raises(AnnotationError, match=r"row 0 has the gold_label '-'; labels are 'entailment', 'neutral'"):
        GLUE('mnli', write(tmp_path / 'dev_matched.tsv', FILES['mnli'][0].replace('neutral', '-')))


def squad(*questions, context='The Normans came in the 10th century.'):
    return dict(version='v2.0', data=[dict(title='t', paragraphs=[dict(context=context, qas=list(questions))])])


def test_squad(tmp_path):
    two = dict(
        id='a1', question='Who?', answers=[dict(text='Normans', answer_start=4), dict(text='The Normans', answer_start=0)]
    )
    none = dict(id='a2', question='Why?', answers=[], is_impossible=True, plausible_answers=[dict(text='The', answer_start=0)])
    context = 'The Normans came in the 10th century.'
    assert records(SQuAD(write(tmp_path / 'dev.json', squad(two, none)))) == [
        dict(
            sample_id='a1',
            media='text',
            question='Who?',
            question_id='a1',
            context=context,
            answers=['Normans', 'The Normans'],
            answer_starts=[4, 0],
        ),
        dict(sample_id='a2', media='text', question='Why?', question_id='a2', context=context, answers=[], answer_starts=[]),
    ]


@pytest.mark.parametrize('start', [3, 5, 6, 2])
def test_squad_answers_beside_their_place(tmp_path, start):
    question = dict(id='a1', question='Who?', answers=[dict(text='Normans', answer_start=start)])
    assert SQuAD(write(tmp_path / 'dev.json', squad(question))).record(0)['answer_starts'] == [4]


def test_squad_of_short_texts(tmp_path):
    ask = dict(id='a1', question='Who?', answers=[])
    path = write(tmp_path / 'dev.json', squad(ask, context='one two  three'))
    longer = write(tmp_path / 'longer.json', squad(ask | dict(id='a2'), context='one two three four'))
    assert [record['question_id'] for record in records(SQuAD([path, longer], max_words=3))] == ['a1']


def test_squad_faults(tmp_path):
    far = dict(id='a1', question='Who?', answers=[dict(text='Normans', answer_start=9)])
    with pytest.raises(AnnotationError, match=r"dev\.json: question a1: its context has no 'Normans' at character 9"):
        SQuAD(write(tmp_path / 'dev.json', squad(far)))
    with pytest.raises(AnnotationError, match=r"dev\.json: question 0 has no key 'id'"):
        SQuAD(write(tmp_path / 'dev.json', squad(dict(question='Who?', answers=[]))))
    with pytest.raises(AnnotationError, match=r"dev\.json: no key 'data' at the top level"):
        SQuAD(write(tmp_path / 'dev.json', dict(version='1.1')))
    with pytest.raises(AnnotationError, match=r"dev\.json: article 0, paragraph 0 has no key 'qas'"):
        SQuAD(write(tmp_path / 'dev.json', dict(data=[dict(paragraphs=[dict(context='a')])])))


def test_gigaword(tmp_path):
    source = write(tmp_path / 'in', '# killed in <unk> , say UNK officials\n\nduck UNKNOWN\x85 tapes\n')
    target = write(tmp_path / 'out', '# killed in <unk>\nnothing\nduck\n')
    dataset = Gigaword(source, target)
    assert records(dataset) == [
        dict(sample_id=0, media='text', document='# killed in unk , say unk officials', summaries=['# killed in unk']),
        dict(sample_id=2, media='text', document='duck UNKNOWN\x85 tapes', summaries=['duck']),
    ]
    assert Gigaword(source, [target, target]).record(1)['summaries'] == ['duck', 'duck']
    assert Gigaword(write(tmp_path / 'one', 'text\n')).record(0)['summaries'] == []


def test_gigaword_faults(tmp_path):
    source, target = write(tmp_path / 'in', 'a\n\n'), write(tmp_path / 'out', 'b\n')
    with pytest.raises(AnnotationError, match=r'out has 1 lines, but .*in has 2: line n belongs to line n'):
        Gigaword(source, target)
    with pytest.raises(AnnotationError, match='line 2 is empty, but a test scores every pair'):
        Gigaword(source, test_mode=True)
    with pytest.raises(FileNotFoundError, match=r'no annotation file .*none'):
        Gigaword(str(tmp_path / 'none'))


def test_the_embedded_benchmark_is_in_these_formats(mini_home):
    root = mini_home / 'data/mini'
    assert {record['label'] for record in records(GLUE('rte', str(root / 'glue/RTE/train.tsv')))} == {0, 1}
    assert GLUE('rte', str(root / 'glue/RTE/test.tsv')).record(0)['label'] is None
    questions = records(SQuAD(str(root / 'squad/dev-v2.0.json')))
    assert {bool(record['answers']) for record in questions} == {True, False}
    pair = Gigaword(str(root / 'gigaword/dev.src.txt'), str(root / 'gigaword/dev.tgt.txt')).record(0)
    assert pair['document'].startswith('in the first photo')
    assert json.dumps(pair['summaries']).startswith('["first ')
