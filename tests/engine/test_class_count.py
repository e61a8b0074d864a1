"""Heads whose number of classes is unlike that of the data are refused."""

from types import SimpleNamespace

import pytest
from torch import nn

from mplug2.engine import ClassCount


def check(classes: int, **data: object) -> list[str]:
    """What is logged of a head of so many classes before a test on these data."""
    model, logged = nn.Module(), []
    model.head = nn.Linear(2, classes)
    model.head.num_classes = classes
    dataset = SimpleNamespace(source='data/list.txt', **data)
    logger = SimpleNamespace(info=logged.append)
    ClassCount().before_test(SimpleNamespace(model=model, test_dataloader=SimpleNamespace(dataset=dataset), logger=logger))
    return logged


def test_as_many_classes_as_the_data_have_are_right() -> None:
    assert check(3, num_labels=3) == check(3, metainfo=dict(classes='abc')) == check(3) == []


def test_labels_without_an_output_are_refused() -> None:
    with pytest.raises(ValueError, match=r'head has num_classes=3, and data/list\.txt has the label 4'):
        check(3, num_labels=5)


def test_named_classes_are_counted_exactly() -> None:
    with pytest.raises(ValueError, match=r'head has num_classes=5, and data/list\.txt has 3 classes: set num_classes=3'):
        check(5, metainfo=dict(classes='abc'))


def test_outputs_that_no_sample_has_are_told() -> None:
    assert check(5, num_labels=3) == ['head has num_classes=5, and data/list.txt has no label above 2']


def flips(labels: list[int], classes: list[str] | None = None) -> dict[str, object]:
    """A data set whose mirrored clips swap these labels."""
    return dict(transforms=[object(), SimpleNamespace(swapped_labels=labels, classes=classes)])


def test_mirrored_clips_swap_labels_of_the_data() -> None:
    assert check(3, num_labels=3, **flips([0, 2])) == []
    assert check(3, metainfo=dict(classes='abc'), **flips([0, 2], ['a', 'b', 'c'])) == []
    with pytest.raises(ValueError, match=r'swaps the labels \[86, 87\], which are none of the 3 classes of data/list\.txt'):
        check(3, num_labels=3, **flips([0, 2, 86, 87]))
    with pytest.raises(ValueError, match=r'swaps the labels \[0, 2\] by number, and data/list\.txt names its classes'):
        check(3, metainfo=dict(classes='abc'), **flips([0, 2]))
    with pytest.raises(ValueError, match=r"of other classes than those of data/list\.txt, which differ in \['c', 'd'\]"):
        check(3, metainfo=dict(classes='abc'), **flips([0, 2], ['a', 'b', 'd']))
