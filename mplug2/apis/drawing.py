"""Results drawn over their images and clips, in a folder or on the screen."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..utils.files import replace_file
from .inputs import as_media
from .reading import Failed, Ready, Request

FRAMES = 4  # of a clip


class Drawing(NamedTuple):
    """out_dir: where drawings go, as ``number_name.png``; None for nowhere. show: open each in a window. start, end: seconds,
    of clips without their own."""

    out_dir: Path | None
    show: bool
    start: float | None
    end: float | None

    @classmethod
    def wanted(
        cls, out_dir: str | Path | None, show: bool, start: float | None = None, end: float | None = None
    ) -> Drawing | None:
        """None where nothing is to be drawn."""
        return None if out_dir is None and not show else cls(None if out_dir is None else Path(out_dir), show, start, end)

    def draw(self, outcome: tuple[Request, Ready | Failed]) -> tuple[Request, Ready | Failed]:
        """Draw an outcome, unless the input could not be read, and hand it on."""
        from ..visualization.results import draw_result  # which brings what draws figures

        request, ready = outcome
        if isinstance(ready, Failed):
            return outcome
        media = as_media(request.value, self.start, self.end, request.number)
        media.fetch()
        drawing = draw_result(ready.result, media.read(FRAMES))
        if self.out_dir is not None:
            name = f'{request.number:06d}_{Path(media.source).stem}.png'
            replace_file(self.out_dir / name, lambda file: drawing.save(file, 'PNG'))
        if self.show:
            drawing.show()
        return outcome
