"""CLIP4Clip's weights with the published keys: OpenAI's of CLIP under ``clip.``, and those over the frames."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import Tensor

from mplug2.checkpoints.formats.adapter import Entry, count
from mplug2.checkpoints.formats.vit import clip_block
from mplug2.projects.clip import OpenClipModelFormat
from mplug2.registry import WEIGHT_FORMATS

PREFIX, FRAMES = 'clip.', 'transformerClip.resblocks.'


@WEIGHT_FORMATS.register_module()
class Clip4ClipFormat(OpenClipModelFormat):
    """CLIP4Clip as published (``meanP``, ``seqTransf``)."""

    name = 'clip4clip'

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        own = [key.removeprefix(PREFIX) for key in keys if key.startswith(PREFIX)]
        return super().recognises(own)

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        clip = {key.removeprefix(PREFIX): value for key, value in state.items() if key.startswith(PREFIX)}
        entries = [*self._prefixed(super().file_entries(clip)), *self._frames(count(state, FRAMES))]
        return entries

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        return [*self._prefixed(super().network_entries(state)), *self._frames(count(state, 'temporal.layers.'))]

    @staticmethod
    def _prefixed(entries: list[Entry]) -> Iterator[Entry]:
        for entry in entries:
            yield entry._replace(theirs=tuple(PREFIX + key for key in entry.theirs))

    @staticmethod
    def _frames(layers: int) -> Iterator[Entry]:
        if layers:
            yield Entry('temporal.positions', ('frame_position_embeddings.weight',))
        for layer in range(layers):
            yield from clip_block(f'temporal.layers.{layer}', f'{FRAMES}{layer}')
