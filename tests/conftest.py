import os

os.environ.setdefault('HF_HUB_OFFLINE', '1')
os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')
os.environ.setdefault('OMP_NUM_THREADS', '1')  # sums of several threads differ in the last bit; runs are compared to the bit

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')


def pytest_configure(config: pytest.Config) -> None:
    if config.option.markexpr != 'gpu':  # one machine's suite is another's: sums to the bit, and more processes than GPUs
        os.environ['CUDA_VISIBLE_DEVICES'] = ''


@pytest.fixture(scope='session')
def mini_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the mini benchmark, very small, under ``data/mini``, where the shipped configs look for it.

    Built once for all processes of a test run; tests only read it.
    """
    from mplug2 import mini

    base = tmp_path_factory.getbasetemp()
    home = (base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base) / 'mini_home'
    with FileLock(f'{home}.lock'):
        mini.build(home / 'data' / 'mini', workers=1, scale=0.01)  # returns at once where it is built
    return home


@pytest.fixture
def page() -> Iterator['Page']:
    """An empty page of a real browser. Skips where there is none."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        pytest.skip(f'no browser is installed: none of {", ".join(BROWSERS)} is on the PATH')
    playwright = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=['--no-sandbox', '--disable-dev-shm-usage'])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        yield page
        browser.close()
