"""HuggingFace's BERT, and the tables of its layers, which the published mPLUG-2 files are made of too."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import Tensor, nn

from ...registry import WEIGHT_FORMATS
from .adapter import Adapter, Entry, count


def pair(ours: str, theirs: str) -> Iterator[Entry]:
    """Weight and bias of one layer."""
    for name in ('weight', 'bias'):
        yield Entry(f'{ours}.{name}', (f'{theirs}.{name}',))


def fused(ours: str, *theirs: str) -> Iterator[Entry]:
    """Weight and bias of a fused projection, made of several foreign ones."""
    for name in ('weight', 'bias'):
        yield Entry(f'{ours}.{name}', tuple(f'{prefix}.{name}' for prefix in theirs))


def split_projection(ours: str, theirs: str) -> Iterator[Entry]:
    """A cross-attention whose query, key and value torch's ``MultiheadAttention`` projects by one matrix."""
    for name in ('weight', 'bias'):
        yield Entry(f'{ours}.query.{name}', (f'{theirs}.in_proj_{name}',), rows=(0, 1, 3))
        yield Entry(f'{ours}.key_value.{name}', (f'{theirs}.in_proj_{name}',), rows=(1, 3, 3))


def bert_attention(ours: str, theirs: str, cross: bool, inner: str = 'self') -> Iterator[Entry]:
    """An attention and the residual around it. inner: what they call the attention without its output."""
    kind = 'cross' if cross else 'self'
    if cross:
        yield from pair(f'{ours}.cross_attention.query', f'{theirs}.{inner}.query')
        yield from fused(f'{ours}.cross_attention.key_value', f'{theirs}.{inner}.key', f'{theirs}.{inner}.value')
    else:
        yield from fused(f'{ours}.self_attention.qkv', *(f'{theirs}.{inner}.{name}' for name in ('query', 'key', 'value')))
    yield from pair(f'{ours}.{kind}_attention.out', f'{theirs}.output.dense')
    yield from pair(f'{ours}.{kind}_residual.norm', f'{theirs}.output.LayerNorm')


def bert_layer(ours: str, theirs: str, cross: bool) -> Iterator[Entry]:
    """A layer; with the attention to a memory if `cross`."""
    yield from bert_attention(ours, f'{theirs}.attention', cross=False)
    if cross:
        yield from bert_attention(ours, f'{theirs}.crossattention', cross=True)
    yield from pair(f'{ours}.feed_forward.up', f'{theirs}.intermediate.dense')
    yield from pair(f'{ours}.feed_forward.down', f'{theirs}.output.dense')
    yield from pair(f'{ours}.feed_forward_residual.norm', f'{theirs}.output.LayerNorm')


def bert_embedding(ours: str, theirs: str, segments: bool = True) -> Iterator[Entry]:
    """The embedding. segments: with a table of token types."""
    tables = dict(word='word_embeddings', position='position_embeddings')
    if segments:
        tables['segment'] = 'token_type_embeddings'
    for table, published in tables.items():
        yield Entry(f'{ours}.{table}.weight', (f'{theirs}.{published}.weight',))
    yield from pair(f'{ours}.norm', f'{theirs}.LayerNorm')


def prediction_head(ours: str, theirs: str) -> Iterator[Entry]:
    """The prediction head; its word table is tied to the embedding."""
    yield from pair(f'{ours}.dense', f'{theirs}.transform.dense')
    yield from pair(f'{ours}.norm', f'{theirs}.transform.LayerNorm')
    yield Entry(f'{ours}.bias', (f'{theirs}.bias',))


def head_copies(head: str, words: str) -> dict[str, str]:
    """The tied tensors of a prediction head: copy -> original."""
    return {f'{head}.decoder.weight': words, f'{head}.decoder.bias': f'{head}.bias'}


@WEIGHT_FORMATS.register_module()
class BertFormat(Adapter):
    """``BertModel`` and ``BertForMaskedLM`` state dicts, with or without the ``bert.`` prefix.

    The first layers become the text encoder, the last S the universal layers (Section 3.1). As the authors did, the fusion
    layers start as the last of all layers, and the decoder as the first of them with the prediction head, if the file has one;
    they are made only on demand, since writing has no use for a second copy.

    Args:
        universal_layers: S. fusion_layers, decoder_layers: of the network that is loaded; 0 makes none.
    """

    name = 'bert'
    absent = (
        '*.cross_attention.*',
        '*.cross_residual.*',
        'universal.queries',
        'universal.merge_*',
        'universal.pool_*',
        'universal.projection.*',
        'decoder.head.*',
    )

    def __init__(self, universal_layers: int = 2, fusion_layers: int = 0, decoder_layers: int = 0) -> None:
        self.universal_layers = universal_layers
        self.fusion_layers = fusion_layers
        self.decoder_layers = decoder_layers

    @classmethod
    def for_network(cls, network: nn.Module, parts: Collection[str]) -> BertFormat:
        """The universal layers are the last of the file even where they are not to be filled."""

        def depth(part: str) -> int:
            module = getattr(network, part)
            return 0 if module is None else len(module.layers)

        return cls(depth('universal'), *(depth(part) if part in parts else 0 for part in ('fusion', 'decoder')))

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return 'embeddings.word_embeddings.weight' in keys and any(key.startswith('encoder.layer.') for key in keys)

    @classmethod
    def clean(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Without ``bert.``; with today's names of layer norms (the oldest files say gamma and beta)."""
        return {
            key.removeprefix('bert.')
            .replace('LayerNorm.gamma', 'LayerNorm.weight')
            .replace('LayerNorm.beta', 'LayerNorm.bias'): value
            for key, value in state.items()
        }

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        layers = count(state, 'encoder.layer.')
        entries = [*self._encoder(layers)]
        for layer in range(self.fusion_layers):
            entries += bert_layer(f'fusion.layers.{layer}', f'encoder.layer.{layers - self.fusion_layers + layer}', cross=False)
        if self.decoder_layers:
            entries += bert_embedding('decoder.embedding', 'embeddings')
        for layer in range(self.decoder_layers):
            entries += bert_layer(f'decoder.layers.{layer}', f'encoder.layer.{layer}', cross=False)
        if self.decoder_layers and 'cls.predictions.bias' in state:
            entries += prediction_head('decoder.head', 'cls.predictions')
        return entries

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        self.universal_layers = count(state, 'universal.layers.')
        return [*self._encoder(count(state, 'text_encoder.layers.') + self.universal_layers)]

    def _encoder(self, layers: int) -> Iterator[Entry]:
        yield from bert_embedding('text_encoder.embedding', 'embeddings')
        text_layers = layers - self.universal_layers
        for layer in range(layers):
            universal = layer >= text_layers
            ours = f'universal.layers.{layer - text_layers}' if universal else f'text_encoder.layers.{layer}'
            yield from bert_layer(ours, f'encoder.layer.{layer}', cross=False)

    def copies(self) -> dict[str, str]:
        return head_copies('cls.predictions', 'embeddings.word_embeddings.weight')
