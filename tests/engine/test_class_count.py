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
