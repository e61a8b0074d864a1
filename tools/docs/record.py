"""Record docs/images/demo.gif: a command in a terminal, then the web page, driven in Chromium as a user drives it.

    python tools/docs/record.py CLIP [--question Q] [--model M] [--out FILE]

The terminal shows the true output of the command; the page is `mplug2 serve`.
"""

from __future__ import annotations

import argparse
import html
import io
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import Page, sync_playwright

SIZE = dict(width=1000, height=640)
STYLE = 'margin:0;background:#1d2330;color:#e8ecf4;font:17px/1.6 monospace;padding:28px;white-space:pre-wrap'
TERMINAL = f'<body style="{STYLE}">{{}}</body>'


class Recording:
    """Screenshots of a page, each with the time that it stays."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []

    def shoot(self, milliseconds: int) -> None:
        self.frames.append(Image.open(io.BytesIO(self.page.screenshot())).convert('RGB'))
        self.durations.append(milliseconds)

    def save(self, path: Path) -> None:
        """As a GIF with one palette of 128 colours a frame."""
        small = [frame.quantize(128, dither=Image.Dither.NONE) for frame in self.frames]
        small[0].save(path, save_all=True, append_images=small[1:], duration=self.durations, loop=0, optimize=True)


def terminal(recording: Recording, command: list[str]) -> None:
    """Type a command and show what it prints."""
    line = 'mplug2 ' + ' '.join(f"'{word}'" if ' ' in word else word for word in command)
    for end in (*range(6, len(line), 6), len(line)):
        recording.page.set_content(TERMINAL.format(html.escape(f'$ {line[:end]}▌')))
        recording.shoot(90)
    printed = subprocess.run([sys.executable, '-m', 'mplug2.cli', *command], check=True, capture_output=True, text=True).stdout
    recording.page.set_content(TERMINAL.format(html.escape(f'$ {line}\n{printed}')))
    recording.shoot(2200)


def browse(recording: Recording, address: str, clip: Path, question: str) -> None:
    """Upload a clip, caption it, ask about it."""
    page = recording.page
    page.goto(address)
    page.wait_for_selector('#clip')
    recording.shoot(900)
    page.set_input_files('#clip input[type=file]', clip)
    page.wait_for_selector('#frames img')
    page.wait_for_timeout(800)
    recording.shoot(1400)
    page.click('#run-caption')
    page.wait_for_selector('#latency-caption:has-text("s on")')
    recording.shoot(2200)
    page.get_by_role('tab', name='Question').click()
    for end in (*range(8, len(question), 8), len(question)):
        page.fill('#question textarea', question[:end])
        recording.shoot(110)
    page.press('#question textarea', 'Enter')
    page.wait_for_selector('#latency-answer:has-text("s on")')
    page.wait_for_timeout(400)
    recording.shoot(3000)


def free_port() -> int:
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return server.getsockname()[1]


def wait_for(address: str, process: subprocess.Popen, seconds: float = 180) -> None:
    """Raises RuntimeError: the server ended or does not answer."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f'mplug2 serve does not answer at {address}')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('clip', type=Path)
    parser.add_argument('--question', default='what color is the digit ?')
    parser.add_argument('--model')
    parser.add_argument('--out', type=Path, default=Path('docs/images/demo.gif'))
    args = parser.parse_args()
    model = ['--model', args.model] if args.model else []
    port = free_port()
    address = f'http://127.0.0.1:{port}'
    server = subprocess.Popen([sys.executable, '-m', 'mplug2.cli', 'serve', '--port', str(port), *model])
    try:
        with sync_playwright() as driver:
            chromium = shutil.which('chromium') or shutil.which('google-chrome')
            browser = driver.chromium.launch(executable_path=chromium, args=['--no-sandbox', '--disable-dev-shm-usage'])
            recording = Recording(browser.new_page(viewport=SIZE))
            terminal(recording, ['caption', str(args.clip), *model])
            wait_for(address, server)
            browse(recording, address, args.clip.resolve(), args.question)
            browser.close()
    finally:
        server.terminate()
        server.wait()
    recording.save(args.out)
    print(f'{args.out}: {len(recording.frames)} frames, {args.out.stat().st_size / 2**20:.2f} MiB')


if __name__ == '__main__':
    main()
