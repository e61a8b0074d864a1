"""What several tests of the Python interface share."""

from __future__ import annotations

import pytest

from mplug2 import Inferencer


@pytest.fixture(scope='module')
def model() -> Inferencer:
    """The shipped model; float32, so that results are the same on every machine."""
    return Inferencer('mplug2_tiny', dtype='float32')
