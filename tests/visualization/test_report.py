"""The page of what a model said: one file that holds its frames, escaped, with right and wrong distinguished."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

from PIL import Image

from mplug2.visualization.report import FRAMES, HEIGHT, Section, Statement, write_report
from tests.datasets.media import write_image, write_video


def test_a_page_holds_all_that_it_shows(tmp_path: Path) -> None:
    clip, image = tmp_path / 'a<b>.mp4', tmp_path / 'c.jpg'
    write_video(clip)
    write_image(image)
    sections = [
        Section(
            'Captions', [(str(clip), [Statement('', 'a red seven', True)]), (str(image), [Statement('what ?', '<b>', False)])]
        ),
        Section('Nothing', []),
    ]
    page = write_report(tmp_path / 'report.html', 'demo', sections, {'CIDEr-D': 3.25}, ['mplug2 demo', 'a > b']).read_text()
    assert not re.search(r'(src|href)="(?!data:)', page), 'nothing outside the file is needed'
    assert '<td>CIDEr-D</td><td>3.25</td>' in page
    assert '<b class="right">a red seven</b>' in page
    assert 'what ? <b class="wrong">&lt;b&gt;</b>' in page
    assert 'a&lt;b&gt;.mp4' in page
    assert 'mplug2 demo\na &gt; b' in page
    strips = [Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r'base64,([^"]+)', page)]
    assert [strip.height for strip in strips] == [HEIGHT] * 2
    assert strips[0].width > FRAMES * HEIGHT / 2 > strips[1].width / 2
