from pathlib import Path

import pytest

from tests.runs import TINY, mplug2


@pytest.fixture(scope='module')
def trained(mini_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work directory of a whole, unbroken run of the tiny captioning config."""
    folder = tmp_path_factory.mktemp('trained')
    assert mplug2(mini_home, 'train', TINY, '--work-dir', folder) == 0
    return folder
