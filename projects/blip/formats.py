"""BLIP's weights: with the keys of HuggingFace, and with those that its authors published."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import Tensor

from mplug2.checkpoints.formats.adapter import Adapter, Entry, count
from mplug2.checkpoints.formats.bert import bert_layer, pair, prediction_head
from mplug2.registry import WEIGHT_FORMATS

VISION = 'vision_encoder'
WORDS = 'embeddings.word_embeddings.weight'
HEAD = 'text_decoder.cls.predictions'
# Name of what a vision block has -> what stands for it in our block.
_BLOCK = ('self_attention.qkv', 'self_attention.out', 'self_residual.norm', 'feed_forward_residual.norm')
_BLOCK += ('feed_forward.up', 'feed_forward.down')


class _Blip(Adapter):
    """Base of both: only the vision's keys differ."""

    absent = ('*.temporal_*', '*.residual_before_*')
    resize_mode = 'bicubic'
    vision: str  # prefix of the vision's keys
    blocks: str  # what its numbered blocks are under
    stem: tuple[str, str, str, str]  # class token, positions, patches, last norm
    block: tuple[str, ...]  # a block's parts in the order of `_BLOCK`
    heads: Mapping[str, str]

    @classmethod
    def clean(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """With the bias of the prediction head that is added, ``decoder.bias``; files of tied weights hold its other name."""
        state = dict(state)
        if f'{HEAD}.decoder.bias' not in state and f'{HEAD}.bias' in state:
            state[f'{HEAD}.decoder.bias'] = state[f'{HEAD}.bias']
        return state

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        own = {f'{cls.vision}{cls.stem[0]}', f'{cls.vision}{cls.blocks}0.{cls.block[0]}.weight'}
        words = {f'text_encoder.{WORDS}', f'text_decoder.bert.{WORDS}'} & set(keys)
        return own <= set(keys) and bool(words) and not any('token_type_embeddings' in key for key in keys)

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        depths = (f'{self.vision}{self.blocks}', 'text_encoder.encoder.layer.', 'text_decoder.bert.encoder.layer.')
        entries = self.table(*(count(state, prefix) for prefix in depths))
        heads = [entry for entry in self._heads() if entry.theirs[0] in state]
        return [*entries, *heads]

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        depths = (f'{VISION}.blocks.', 'fusion.layers.', 'decoder.layers.')
        entries = self.table(*(count(state, prefix) for prefix in depths))
        return [*entries, *(entry for entry in self._heads() if entry.ours in state)]

    def from_mplug2(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        foreign = super().from_mplug2(state)
        if f'{HEAD}.decoder.bias' in foreign:  # written twice, as both are kept
            foreign[f'{HEAD}.bias'] = foreign[f'{HEAD}.decoder.bias']
            foreign[f'{HEAD}.decoder.weight'] = foreign[f'text_decoder.bert.{WORDS}']
        return foreign

    def copies(self) -> dict[str, str]:
        return {f'{HEAD}.decoder.weight': f'text_decoder.bert.{WORDS}'}

    def table(self, vision: int, text: int, decoder: int) -> Iterator[Entry]:
        """The table of so many layers of each; of 0, a part is left out."""
        token, positions, patches, norm = (self.vision + name for name in self.stem)
        yield Entry(f'{VISION}.class_embedding', (token,), (0, 1))
        yield Entry(f'{VISION}.position_embedding', (positions,), (0,))
        yield from pair(f'{VISION}.patch_embedding', patches)
        yield from pair(f'{VISION}.norm_after', norm)
        for number in range(vision):
            for ours, theirs in zip(_BLOCK, self.block, strict=True):
                yield from pair(f'{VISION}.blocks.{number}.layer.{ours}', f'{self.vision}{self.blocks}{number}.{theirs}')
        if text:
            yield from embedding('text_encoder.embedding', 'text_encoder.embeddings')
        for number in range(text):
            yield from bert_layer(f'fusion.layers.{number}', f'text_encoder.encoder.layer.{number}', cross=True)
        if decoder:
            yield from embedding('decoder.embedding', 'text_decoder.bert.embeddings')
            *head, _ = prediction_head('decoder.head', HEAD)
            yield from head
            yield Entry('decoder.head.bias', (f'{HEAD}.decoder.bias',))
        for number in range(decoder):
            yield from bert_layer(f'decoder.layers.{number}', f'text_decoder.bert.encoder.layer.{number}', cross=True)

    def _heads(self) -> Iterator[Entry]:
        yield from pair('heads.head.vision_projection', 'vision_proj')
        yield from pair('heads.head.text_projection', 'text_proj')
        yield from pair('heads.matching.classifier', 'itm_head')


def embedding(ours: str, theirs: str) -> Iterator[Entry]:
    """BERT's embedding without segments."""
    for one, other in (('word', 'word_embeddings'), ('position', 'position_embeddings')):
        yield Entry(f'{ours}.{one}.weight', (f'{theirs}.{other}.weight',))
    yield from pair(f'{ours}.norm', f'{theirs}.LayerNorm')


@WEIGHT_FORMATS.register_module()
class BlipFormat(_Blip):
    """``BlipForConditionalGeneration``, ``BlipForQuestionAnswering`` and ``BlipForImageTextRetrieval`` of transformers."""

    name = 'blip-hf'
    absent = (*_Blip.absent, 'heads.head.temperature')
    vision, blocks = 'vision_model.', 'encoder.layers.'
    stem = ('embeddings.class_embedding', 'embeddings.position_embedding', 'embeddings.patch_embedding', 'post_layernorm')
    block = ('self_attn.qkv', 'self_attn.projection', 'layer_norm1', 'layer_norm2', 'mlp.fc1', 'mlp.fc2')


@WEIGHT_FORMATS.register_module()
class BlipPublishedFormat(_Blip):
    """The authors' files; momentum encoders and queues are left out."""

    name = 'blip'
    vision, blocks = 'visual_encoder.', 'blocks.'
    stem = ('cls_token', 'pos_embed', 'patch_embed.proj', 'norm')
    block = ('attn.qkv', 'attn.proj', 'norm1', 'norm2', 'mlp.fc1', 'mlp.fc2')

    def _heads(self) -> Iterator[Entry]:
        yield from super()._heads()
        yield Entry('heads.head.temperature', ('temp',))
