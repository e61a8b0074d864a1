"""The authors' published files: caption, question answering and pre-training checkpoints."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from .adapter import Entry, bert_attention, bert_embedding, bert_layer, pair, prediction_head


class ReleaseFormat:
    """Key table between a published state dict and a network of ours.

    Args:
        vision_layers: blocks of the ViT. text_layers: layers of the text encoder, the universal ones not counted.
        universal_layers: S. stored_layers: layers in the file's fusion encoder, of which the last `fusion_layers` are used.
        decoder_layers: of the decoder. projected: the vision width differs from the text width.
    """

    def __init__(
        self,
        vision_layers: int,
        text_layers: int,
        universal_layers: int,
        stored_layers: int,
        fusion_layers: int,
        decoder_layers: int,
        projected: bool,
    ) -> None:
        self.vision_layers = vision_layers
        self.text_layers = text_layers
        self.universal_layers = universal_layers
        self.stored_layers = stored_layers
        self.fusion_layers = fusion_layers
        self.decoder_layers = decoder_layers
        self.projected = projected
        self.entries = [*self._vision(), *self._text(), *self._universal(), *self._fusion(), *self._decoder()]

    def _vision(self) -> Iterator[Entry]:
        ours, theirs = 'vision_encoder', 'visual_encoder.visual'
        yield Entry(f'{ours}.patch_embedding.weight', (f'{theirs}.conv1.weight',), middle=2)
        yield Entry(f'{ours}.class_embedding', (f'{theirs}.class_embedding',))
        yield Entry(f'{ours}.position_embedding', (f'{theirs}.positional_embedding',))
        yield from pair(f'{ours}.norm_before', f'{theirs}.ln_pre')
        yield from pair(f'{ours}.norm_after', f'{theirs}.ln_post')
        for layer in range(self.vision_layers):
            block, resblock = f'{ours}.blocks.{layer}', f'{theirs}.transformer.resblocks.{layer}'
            for place, name in (('first', 'lmhra1'), ('second', 'lmhra2')):
                temporal, old = f'{block}.temporal_{place}', f'{resblock}.{name}'
                yield from pair(f'{block}.residual_{place}.norm', f'{old}.ln')
                for one, other in (('down', 'down_proj'), ('up', 'up_proj')):
                    yield Entry(f'{temporal}.{one}.weight', (f'{old}.{other}.weight',), trailing=3)
                    yield Entry(f'{temporal}.{one}.bias', (f'{old}.{other}.bias',))
                yield Entry(f'{temporal}.kernel', (f'{old}.conv.weight',), trailing=2, middle=1)
                yield Entry(f'{temporal}.bias', (f'{old}.conv.bias',))
            layer_ = f'{block}.layer'
            yield Entry(f'{layer_}.self_attention.qkv.weight', (f'{resblock}.attn.in_proj_weight',))
            yield Entry(f'{layer_}.self_attention.qkv.bias', (f'{resblock}.attn.in_proj_bias',))
            yield from pair(f'{layer_}.self_attention.out', f'{resblock}.attn.out_proj')
            yield from pair(f'{layer_}.self_residual.norm', f'{resblock}.ln_1')
            yield from pair(f'{layer_}.feed_forward.up', f'{resblock}.mlp.c_fc')
            yield from pair(f'{layer_}.feed_forward.down', f'{resblock}.mlp.c_proj')
            yield from pair(f'{layer_}.feed_forward_residual.norm', f'{resblock}.ln_2')

    def _text(self) -> Iterator[Entry]:
        yield from bert_embedding('text_encoder.embedding', 'text_encoder.embeddings')
        for layer in range(self.text_layers):
            yield from bert_layer(f'text_encoder.layers.{layer}', f'text_encoder.encoder.layer.{layer}', cross=False)

    def _universal(self) -> Iterator[Entry]:
        yield Entry('universal.queries', (f'text_encoder.encoder.layer.{self.text_layers}.latents',))
        for layer in range(self.universal_layers):
            theirs = f'text_encoder.encoder.layer.{self.text_layers + layer}'
            yield from bert_layer(f'universal.layers.{layer}', theirs, cross=False)
            yield from bert_attention(f'universal.layers.{layer}', f'{theirs}.crossattention', cross=True)
        yield from pair('universal.merge_norm', 'visn_emb_norm')
        if self.projected:
            yield from pair('universal.projection.0', 'visn_fc')
            yield from pair('universal.projection.1', 'visn_layer_norm')

    def _fusion(self) -> Iterator[Entry]:
        first = self.stored_layers - self.fusion_layers
        for layer in range(self.fusion_layers):
            yield from bert_layer(f'fusion.layers.{layer}', f'fusion_encoder.encoder.layer.{first + layer}', cross=True)

    def _decoder(self) -> Iterator[Entry]:
        yield from bert_embedding('decoder.embedding', 'text_decoder.bert.embeddings')
        for layer in range(self.decoder_layers):
            yield from bert_layer(f'decoder.layers.{layer}', f'text_decoder.bert.encoder.layer.{layer}', cross=True)
        yield from prediction_head('decoder.head', 'text_decoder.cls.predictions')

    def to_mplug2(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Published keys -> those of `Network`."""
        return {entry.ours: entry.read(state) for entry in self.entries}

    def from_mplug2(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Keys of `Network` -> published ones (those that a forward pass reads)."""
        published: dict[str, Tensor] = {}
        for entry in self.entries:
            published.update(entry.write(state[entry.ours]))
        return published
