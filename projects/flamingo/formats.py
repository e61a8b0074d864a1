"""IDEFICS' weights with the keys of HuggingFace."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from torch import Tensor

from mplug2.checkpoints.formats.adapter import Adapter, Entry, count
from mplug2.checkpoints.formats.bert import pair
from mplug2.checkpoints.formats.vit import BLOCKS, TEMPORAL_MODULES, clip_hf_vit
from mplug2.registry import WEIGHT_FORMATS

TOWER = 'model.vision_model'
LATENTS, RESAMPLER = 'vision_decoder', 'model.perceiver_resampler'  # ours is at that connection
GATES, THEIR_GATES = 'decoder.gates.', 'model.gated_cross_attn_layers.'
LAYERS, THEIR_LAYERS = 'decoder.model.model.layers.', 'model.layers.'
LAYER = (
    *(f'self_attn.{name}_proj' for name in 'qkvo'),
    *(f'mlp.{name}_proj' for name in ('gate', 'up', 'down')),
    'input_layernorm',
    'post_attention_layernorm',
)
# Tables of words, ours -> theirs of the language model, and of words that were added to its own.
WORDS = {
    'decoder.model.model.embed_tokens.weight': (
        'model.embed_tokens.weight',
        'model.embed_tokens.additional_embedding.weight',
    ),
    'decoder.model.lm_head.weight': ('lm_head.weight', 'lm_head.additional_fc.weight'),
}


@WEIGHT_FORMATS.register_module()
class IdeficsFormat(Adapter):
    """``IdeficsForVisionText2Text`` of transformers, with a resampler.

    Args:
        added: words that IDEFICS added to those of its language model.
    """

    name = 'idefics-hf'
    absent = (*TEMPORAL_MODULES, 'frame_embedding.*')

    def __init__(self, added: int = 2) -> None:
        self.added = added

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return {f'{RESAMPLER}.latents', f'{THEIR_GATES}0.alpha_dense'} <= set(keys)

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        added = next(len(state[more]) if more in state else 0 for _, more in WORDS.values())
        layers, gates = count(state, THEIR_LAYERS), count(state, THEIR_GATES)
        gated = [number * (layers // gates) for number in range(gates)]
        sizes = (count(state, f'{TOWER}.encoder.layers.'), count(state, f'{RESAMPLER}.blocks.'))
        normalised = any('.q_layer_norm.' in key for key in state)
        return [*self._table(*sizes, layers, gated, added, normalised)]

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        gated = sorted({int(key.split('.')[2]) for key in state if key.startswith(GATES)})
        sizes = (count(state, BLOCKS), count(state, f'{LATENTS}.blocks.'), count(state, LAYERS))
        normalised = any('.query_norm.' in key for key in state)
        return [*self._table(*sizes, gated, self.added, normalised)] if gated else []

    def _table(
        self, vision: int, blocks: int, layers: int, gated: Sequence[int], added: int, normalised: bool
    ) -> Iterator[Entry]:
        # The norm after the tower is in the files, but what it gives is read by nothing.
        yield from (entry for entry in clip_hf_vit(vision, TOWER) if '.norm_after.' not in entry.ours)
        yield from self._resampler(blocks, normalised)
        for number, layer in enumerate(gated):
            yield from self._gate(f'{GATES}{layer}', f'{THEIR_GATES}{number}', normalised)
        for layer in range(layers):
            for name in LAYER:
                yield Entry(f'{LAYERS}{layer}.layer.{name}.weight', (f'{THEIR_LAYERS}{layer}.{name}.weight',))
        yield Entry('decoder.model.model.norm.weight', ('model.norm.weight',))
        for ours, theirs in WORDS.items():
            yield Entry(ours, theirs, last=added) if added else Entry(ours, theirs[:1])

    @staticmethod
    def _resampler(blocks: int, normalised: bool) -> Iterator[Entry]:
        yield Entry(f'{LATENTS}.latents', (f'{RESAMPLER}.latents',))
        yield from pair(f'{LATENTS}.norm', f'{RESAMPLER}.layer_norm')
        for number in range(blocks):
            ours, attention, feed = f'{LATENTS}.blocks.{number}', *(f'{RESAMPLER}.blocks.{number}.{part}' for part in (0, 1))
            yield from pair(f'{ours}.context_norm', f'{attention}.context_layer_norm')
            yield from pair(f'{ours}.latent_norm', f'{attention}.latents_layer_norm')
            yield from projections(ours, attention, 'output_proj')
            if normalised:
                yield from pair(f'{ours}.query_norm', f'{attention}.q_layer_norm')
                yield from pair(f'{ours}.key_norm', f'{attention}.k_layer_norm')
            yield from pair(f'{ours}.feed_norm', f'{feed}.ln')
            yield Entry(f'{ours}.up.weight', (f'{feed}.fc.weight',))
            yield Entry(f'{ours}.down.weight', (f'{feed}.c_proj.weight',))

    @staticmethod
    def _gate(ours: str, theirs: str, normalised: bool) -> Iterator[Entry]:
        yield Entry(f'{ours}.gate', (f'{theirs}.alpha_cross_attn',))
        yield Entry(f'{ours}.feed_gate', (f'{theirs}.alpha_dense',))
        yield Entry(f'{ours}.norm.weight', (f'{theirs}.input_layernorm.weight',))
        yield Entry(f'{ours}.feed_norm.weight', (f'{theirs}.post_attention_layernorm.weight',))
        yield from projections(f'{ours}.attention', f'{theirs}.cross_attn', 'o_proj')
        if normalised:
            yield Entry(f'{ours}.attention.query_norm.weight', (f'{theirs}.cross_attn.q_layer_norm.weight',))
            yield Entry(f'{ours}.attention.key_norm.weight', (f'{theirs}.cross_attn.k_layer_norm.weight',))
        for name, part in (('feed', 'gate'), ('up', 'up'), ('down', 'down')):
            yield Entry(f'{ours}.{name}.weight', (f'{theirs}.mlp.{part}_proj.weight',))


def projections(ours: str, theirs: str, out: str) -> Iterator[Entry]:
    """Query, key with value, and result of an attention without biases."""
    yield Entry(f'{ours}.query.weight', (f'{theirs}.q_proj.weight',))
    yield Entry(f'{ours}.key_value.weight', (f'{theirs}.k_proj.weight', f'{theirs}.v_proj.weight'))
    yield Entry(f'{ours}.out.weight', (f'{theirs}.{out}.weight',))
