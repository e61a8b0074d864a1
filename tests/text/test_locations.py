import pytest
from hypothesis import given
from hypothesis import strategies as st

from mplug2.text import BertTokenizer
from mplug2.text.locations import LocationTokens

BERT = BertTokenizer()
MINI = BertTokenizer('mini')
MINI_LOCATIONS = dict(num_bins=65, first='[unused1]', marker='[unused0]')
corner = st.integers(0, 336)


def test_published_entries():
    locations = LocationTokens(BERT)
    assert locations.encode([0, 0.5, 1, 1.7]) == [BERT.token_id(f'[unused{n}]') for n in (339, 340, 508, 676, 676)]
    assert locations.length == 5
    assert locations.allowed.sum() == 338


@given(st.tuples(corner, corner, corner, corner))
def test_whole_pixels_survive(box):
    locations = LocationTokens(BERT)
    shares = [side / 336 for side in box]
    assert locations.decode([101, *locations.encode(shares), 102]) == pytest.approx(shares)


def test_what_is_no_box():
    locations = LocationTokens(MINI, **MINI_LOCATIONS)
    one = locations.encode([0.1, 0.2, 0.3, 0.4])
    assert locations.decode(one[:-1]) is None
    assert locations.decode([*one, one[-1]]) is None
    assert locations.decode([5, 6, 7, 8]) is None


def test_without_marker():
    locations = LocationTokens(MINI, num_bins=5, first='[unused0]', marker=None)
    start = MINI.token_id('[unused0]')
    assert locations.encode([0, 0.25, 0.5, 1]) == [start, start + 1, start + 2, start + 4]


def test_entries_that_do_not_fit():
    with pytest.raises(ValueError, match=r'\[unused[0-9]+\] is not entry'):
        LocationTokens(MINI, num_bins=1000, first='[unused0]', marker=None)
    with pytest.raises(ValueError, match=r'do not fit the vocabulary bert-base-uncased: \[unused100\]'):
        LocationTokens(BERT, num_bins=3, first='[unused98]')  # [UNK] and others are between
    with pytest.raises(ValueError, match=r'the marker .* is one of'):
        LocationTokens(MINI, num_bins=5, first='[unused1]', marker='[unused2]')
    with pytest.raises(ValueError, match='at least 2'):
        LocationTokens(MINI, num_bins=1, first='[unused1]')
