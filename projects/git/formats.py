"""GIT's weights with the keys of HuggingFace."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import Tensor

from mplug2.checkpoints.formats.adapter import Adapter, Entry, count
from mplug2.checkpoints.formats.bert import bert_embedding, bert_layer, pair
from mplug2.checkpoints.formats.vit import BLOCKS, TEMPORAL_MODULES, clip_hf_vit
from mplug2.registry import WEIGHT_FORMATS

TOWER = 'git.image_encoder.vision_model'
FRAMES = 'git.img_temporal_embedding'
PROJECTION = 'git.visual_projection.visual_projection'


@WEIGHT_FORMATS.register_module()
class GitFormat(Adapter):
    """``GitForCausalLM`` of transformers, of images or of clips."""

    name = 'git-hf'
    absent = (*TEMPORAL_MODULES, 'frame_embedding.*')

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return f'{PROJECTION}.0.weight' in keys

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        sizes = (count(state, f'{TOWER}.encoder.layers.'), count(state, 'git.encoder.layer.'), count_frames(state))
        return [*self._table(*sizes)]

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        frames = len(state.get('frame_embedding.table', ()))
        return [*self._table(count(state, BLOCKS), count(state, 'decoder.layers.'), frames)]

    def _table(self, vision: int, layers: int, frames: int) -> Iterator[Entry]:
        yield from clip_hf_vit(vision, TOWER)
        if frames:
            yield Entry('frame_embedding.table', tuple(f'{FRAMES}.{frame}' for frame in range(frames)), (1,))
        yield from pair('vision_decoder.linear', f'{PROJECTION}.0')
        yield from pair('vision_decoder.norm', f'{PROJECTION}.1')
        yield from bert_embedding('decoder.embedding', 'git.embeddings', segments=False)
        for layer in range(layers):
            yield from bert_layer(f'decoder.layers.{layer}', f'git.encoder.layer.{layer}', cross=False)
        yield from pair('decoder.output', 'output')


def count_frames(keys: Collection[str]) -> int:
    return sum(key.startswith(f'{FRAMES}.') for key in keys)
