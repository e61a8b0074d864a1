import pytest

from mplug2.text.class_names import read_class_names, read_synsets

COLLISIONS = """\
n01440764 tench, Tinca tinca
n02012849 crane
n02113186 Cardigan, Cardigan Welsh corgi
n02963159 cardigan
n03126707 crane
n03710637 maillot
n03710721 maillot, tank suit
"""


def test_no_two_synsets_have_one_name(tmp_path):
    path = tmp_path / 'LOC_synset_mapping.txt'
    path.write_text(COLLISIONS)
    assert read_synsets(path) == {
        'n01440764': 'tench',
        'n02012849': 'crane n02012849',
        'n02113186': 'Cardigan, Cardigan Welsh corgi',
        'n02963159': 'cardigan',
        'n03126707': 'crane n03126707',
        'n03710637': 'maillot',
        'n03710721': 'maillot, tank suit',
    }
    assert read_class_names(path) == list(read_synsets(path).values())


def test_a_line_without_a_synset_is_named(tmp_path):
    (tmp_path / 'names.txt').write_text('n01440764 tench\ngoldfish\n')
    with pytest.raises(ValueError, match="line 2 is 'goldfish'"):
        read_synsets(tmp_path / 'names.txt')
