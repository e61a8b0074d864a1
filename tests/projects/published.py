"""What ALBEF publishes, in plain functions over its keys: random weights of its shapes, and the computation of its paper."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WIDTH, HEADS, FFN, WORDS, POSITIONS, PATCH, SIDE, EMBEDDING = 24, 4, 40, 40, 16, 8, 24, 12
VISION_LAYERS, TEXT_LAYERS, FUSION_LAYERS, DECODER_LAYERS = 2, 2, 3, 2


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f'{name}.weight': (WIDTH,), f'{name}.bias': (WIDTH,)}


def _linear(name: str, rows: int = WIDTH, columns: int = WIDTH) -> dict[str, tuple[int, ...]]:
    return {f'{name}.weight': (rows, columns), f'{name}.bias': (rows,)}


def _bert_layer(name: str, cross: bool) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for attention in ('attention', 'crossattention') if cross else ('attention',):
        for part in ('query', 'key', 'value'):
            shapes |= _linear(f'{name}.{attention}.self.{part}')
        shapes |= _linear(f'{name}.{attention}.output.dense') | _norm(f'{name}.{attention}.output.LayerNorm')
    shapes |= _linear(f'{name}.intermediate.dense', FFN) | _linear(f'{name}.output.dense', WIDTH, FFN)
    return shapes | _norm(f'{name}.output.LayerNorm')


def _embedding(name: str) -> dict[str, tuple[int, ...]]:
    tables = dict(word_embeddings=WORDS, position_embeddings=POSITIONS, token_type_embeddings=2)
    return {f'{name}.{table}.weight': (rows, WIDTH) for table, rows in tables.items()} | _norm(f'{name}.LayerNorm')


def _predictions(name: str) -> dict[str, tuple[int, ...]]:
    transform = _linear(f'{name}.transform.dense') | _norm(f'{name}.transform.LayerNorm')
    return {f'{name}.bias': (WORDS,), **transform}


def albef_state(bert: str = 'text_encoder', answers: bool = False, masked: bool = False) -> dict[str, Tensor]:
    """Random weights. bert: what BERT is under. answers: of a file for questions. masked: with the head of masked words."""
    grid = (SIDE // PATCH) ** 2
    vit = 'visual_encoder'
    shapes = {f'{vit}.cls_token': (1, 1, WIDTH), f'{vit}.pos_embed': (1, grid + 1, WIDTH)}
    shapes |= {f'{vit}.patch_embed.proj.weight': (WIDTH, 3, PATCH, PATCH), f'{vit}.patch_embed.proj.bias': (WIDTH,)}
    for layer in range(VISION_LAYERS):
        block = f'{vit}.blocks.{layer}'
        shapes |= _norm(f'{block}.norm1') | _linear(f'{block}.attn.qkv', 3 * WIDTH) | _linear(f'{block}.attn.proj')
        shapes |= _norm(f'{block}.norm2') | _linear(f'{block}.mlp.fc1', FFN) | _linear(f'{block}.mlp.fc2', WIDTH, FFN)
    shapes |= _norm(f'{vit}.norm') | _embedding(f'{bert}.embeddings')
    for layer in range(TEXT_LAYERS + FUSION_LAYERS):
        shapes |= _bert_layer(f'{bert}.encoder.layer.{layer}', layer >= TEXT_LAYERS)
    if answers:
        shapes |= _embedding('text_decoder.bert.embeddings') | _predictions('text_decoder.cls.predictions')
        for layer in range(DECODER_LAYERS):
            shapes |= _bert_layer(f'text_decoder.bert.encoder.layer.{layer}', True)
    else:
        shapes |= _linear('vision_proj', EMBEDDING) | _linear('text_proj', EMBEDDING) | _linear('itm_head', 2)
        shapes['temp'] = ()
    if masked:
        shapes |= _predictions('text_encoder.cls.predictions')
    generator = torch.Generator().manual_seed(0)
    state = {}
    for key, shape in shapes.items():
        noise = torch.randn(shape, generator=generator)
        is_gain = key.endswith('.weight') and len(shape) == 1
        state[key] = 1 + 0.1 * noise if is_gain else 0.2 * noise
    if 'temp' in state:
        state['temp'] = torch.tensor(0.07)
    return state


class Albef:
    """The published computation. Letters in shapes: B samples, L text tokens, N vision tokens, C channels."""

    def __init__(self, state: dict[str, Tensor], bert: str = 'text_encoder') -> None:
        self.state, self.bert = state, bert

    def linear(self, x: Tensor, key: str) -> Tensor:
        return F.linear(x, self.state[f'{key}.weight'], self.state[f'{key}.bias'])

    def norm(self, x: Tensor, key: str, eps: float = 1e-12) -> Tensor:
        return F.layer_norm(x, (WIDTH,), self.state[f'{key}.weight'], self.state[f'{key}.bias'], eps)

    @staticmethod
    def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Tokens after attention, and its weights. mask: True where one may look, broadcast to (B, H, L, N)."""
        query, key, value = (x.unflatten(-1, (HEADS, -1)).transpose(1, 2) for x in (query, key, value))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        weights = (scores if mask is None else scores.masked_fill(~mask, -10000.0)).softmax(-1)
        return (weights @ value).transpose(1, 2).flatten(2), weights

    def vision(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, N, C)."""
        vit = 'visual_encoder'
        kernel, bias = self.state[f'{vit}.patch_embed.proj.weight'], self.state[f'{vit}.patch_embed.proj.bias']
        x = F.conv2d(image, kernel, bias, stride=PATCH).flatten(2).transpose(1, 2)
        x = torch.cat([self.state[f'{vit}.cls_token'].expand(len(x), -1, -1), x], 1) + self.state[f'{vit}.pos_embed']
        for layer in range(VISION_LAYERS):
            block = f'{vit}.blocks.{layer}'
            qkv = self.linear(self.norm(x, f'{block}.norm1', 1e-6), f'{block}.attn.qkv').chunk(3, -1)
            x = x + self.linear(self.attend(*qkv)[0], f'{block}.attn.proj')
            y = F.gelu(self.linear(self.norm(x, f'{block}.norm2', 1e-6), f'{block}.mlp.fc1'))
            x = x + self.linear(y, f'{block}.mlp.fc2')
        return self.norm(x, f'{vit}.norm', 1e-6)

    def embed(self, ids: Tensor, key: str) -> Tensor:
        tables = [self.state[f'{key}.{name}_embeddings.weight'] for name in ('word', 'position', 'token_type')]
        return self.norm(tables[0][ids] + tables[1][: ids.shape[1]] + tables[2][0], f'{key}.LayerNorm')

    def layer(self, x: Tensor, mask: Tensor, key: str, memory: Tensor | None = None, memory_mask: Tensor | None = None):
        """A layer of BERT; its weights of the memory beside it."""
        weights = None
        for name, other, seen in (('attention', x, mask), ('crossattention', memory, memory_mask)):
            if other is None:
                continue
            parts = [
                self.linear(y, f'{key}.{name}.self.{part}') for y, part in ((x, 'query'), (other, 'key'), (other, 'value'))
            ]
            y, weights = self.attend(*parts, seen)
            x = self.norm(x + self.linear(y, f'{key}.{name}.output.dense'), f'{key}.{name}.output.LayerNorm')
        y = self.linear(F.gelu(self.linear(x, f'{key}.intermediate.dense')), f'{key}.output.dense')
        return self.norm(x + y, f'{key}.output.LayerNorm'), weights

    def text(self, ids: Tensor, mask: Tensor) -> Tensor:
        x = self.embed(ids, f'{self.bert}.embeddings')
        for layer in range(TEXT_LAYERS):
            x, _ = self.layer(x, mask[:, None, None], f'{self.bert}.encoder.layer.{layer}')
        return x

    def fuse(self, text: Tensor, mask: Tensor, vision: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Fused text (B, L, C), and the attention of each layer to the image."""
        recorded = []
        for layer in range(TEXT_LAYERS, TEXT_LAYERS + FUSION_LAYERS):
            text, weights = self.layer(text, mask[:, None, None], f'{self.bert}.encoder.layer.{layer}', vision)
            recorded.append(weights)
        return text, recorded

    def answer(self, ids: Tensor, memory: Tensor, memory_mask: Tensor) -> Tensor:
        """Teacher-forced logits (B, L, V)."""
        x = self.embed(ids, 'text_decoder.bert.embeddings')
        causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril()[None, None]
        for layer in range(DECODER_LAYERS):
            key = f'text_decoder.bert.encoder.layer.{layer}'
            x, _ = self.layer(x, causal, key, memory, memory_mask[:, None, None])
        head = 'text_decoder.cls.predictions'
        x = self.norm(F.gelu(self.linear(x, f'{head}.transform.dense')), f'{head}.transform.LayerNorm')
        return x @ self.state['text_decoder.bert.embeddings.word_embeddings.weight'].T + self.state[f'{head}.bias']
