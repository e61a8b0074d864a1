"""What CoCa has of its own: pooling by learned queries, a text encoder with its class token last, and the split decoder.

Letters in shapes: B samples, K hypotheses a sample, L tokens, N memory tokens, k queries, C channels, V vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mplug2.modules.cache import TokenCache
from mplug2.modules.contracts import Memory
from mplug2.modules.decoder import DecoderState
from mplug2.modules.layers import (
    CrossAttention,
    FeedForward,
    KeyValue,
    MemoryLayer,
    Residual,
    TransformerLayer,
    initialize_transformer,
    padding_mask,
)
from mplug2.projects.clip import CausalTextEncoder
from mplug2.registry import MODELS
from mplug2.structures import Tokens

if TYPE_CHECKING:
    from mplug2.testing.tiny import TinySize


@MODELS.register_module()
class AttentionalPooler(nn.Module):
    """Learned queries attend to the tokens of an image or clip.

    Args:
        vision_width: of the tokens. width: C. num_heads: of the attention. num_queries: k. eps: of the layer norms.
    """

    token_parameters = ('queries',)

    def __init__(
        self, vision_width: int, width: int = 768, num_heads: int = 8, num_queries: int = 256, eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.width = width
        self.queries = nn.Parameter(torch.zeros(num_queries, width))
        self.norm_queries = nn.LayerNorm(width, eps)
        self.norm_tokens = nn.LayerNorm(vision_width, eps)
        self.attention = CrossAttention(width, num_heads, memory_width=vision_width)
        self.norm = nn.LayerNorm(width, eps)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)
        nn.init.normal_(self.queries)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['width'] = 16  # that of a tiny embedding

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (B, N, vision_width). Returns (B, k, C)."""
        queries = self.norm_queries(self.queries).expand(len(tokens), -1, -1)
        return self.norm(self.attention(queries, self.norm_tokens(tokens)))


@MODELS.register_module()
class ClassTokenTextEncoder(CausalTextEncoder):
    """CLIP's text encoder with a class token behind the text, which sees it whole and represents it.

    Texts are padded to one length. The published weights were trained with a mask that lets the class token see one padding
    token and not itself; ``corrected_mask`` lets it see the text and itself.

    Args:
        vocab_size, width, num_layers, num_heads, ffn_dim, activation, eps: as of `CausalTextEncoder`. max_positions: tokens of
            the padded text, without the class token. pad_id: the padding.
    """

    token_parameters = ('positions', 'class_token')

    def __init__(
        self,
        vocab_size: int = 49408,
        width: int = 512,
        num_layers: int = 12,
        num_heads: int = 8,
        ffn_dim: int = 2048,
        max_positions: int = 76,
        pad_id: int = 0,
        corrected_mask: bool = False,
        activation: str = 'gelu',
        eps: float = 1e-5,
    ) -> None:
        super().__init__(vocab_size, width, num_layers, num_heads, ffn_dim, max_positions + 1, activation, eps)
        self.pad_id, self.corrected_mask = pad_id, corrected_mask
        self.class_token = nn.Parameter(torch.zeros(width))

    def init_weights(self) -> None:
        super().init_weights()
        nn.init.normal_(self.class_token, std=0.01)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['width'] = 16  # that of a tiny embedding

    def forward(self, text: Tokens) -> Tensor:
        """Returns (B, max_positions + 1, C), the class token last and after the last layer norm, the others before it.

        Raises:
            ValueError: a text is longer.
        """
        length = len(self.positions) - 1
        if text.ids.shape[1] > length:
            raise ValueError(
                f'text of {text.ids.shape[1]} tokens, but the model has {length} positions: '
                'lower the maximum length of the tokenizing transform'
            )
        missing = length - text.ids.shape[1]
        real = F.pad(text.mask, (0, missing))
        ids = F.pad(text.ids, (0, missing)).masked_fill(~real, self.pad_id)
        x = torch.cat([self.word(ids), self.class_token.expand(len(ids), 1, -1)], 1) + self.positions
        own = real.new_ones(len(ids), 1)
        seen = torch.cat([real, own] if self.corrected_mask else [own, real], 1)
        mask = seen[:, None, None] & seen.new_ones(length + 1, length + 1).tril()
        for layer in self.layers:
            x = layer(x, mask)
        return torch.cat([x[:, :-1], self.norm(x[:, -1:])], 1)


class MultimodalLayer(MemoryLayer):
    """A causal layer over the text, then one that attends to the image; each has its feed-forward.

    Args:
        width: C. num_heads, ffn_dim, activation, eps: of both.
    """

    def __init__(self, width: int, num_heads: int, ffn_dim: int, activation: str, eps: float) -> None:
        super().__init__()
        self.text_layer = TransformerLayer(width, num_heads, ffn_dim, norm='pre', activation=activation, eps=eps)
        self.norm_memory = nn.LayerNorm(width, eps)
        self.cross_attention = CrossAttention(width, num_heads)
        self.cross_residual = Residual(width, 'pre', eps)
        self.feed_forward = FeedForward(width, ffn_dim, activation)
        self.feed_forward_residual = Residual(width, 'pre', eps)

    def project(self, memory: Tensor) -> KeyValue:
        """(B, N, C) -> keys and values."""
        return self.cross_attention.project(self.norm_memory(memory))

    def run(self, x: Tensor, memory: Tensor, mask: Tensor | None = None, rows: Tensor | None = None) -> Tensor:
        """x: (M, L, C). memory: (B, N, C). mask: as in `attention`. rows: as in `attend_memory`."""
        return self.feed(self.attend_memory(self.text_layer(x, causal=True), self.project(memory), mask, rows))


@MODELS.register_module()
class MultimodalLayers(nn.Module):
    """The second half of the decoder: text tokens to words, looking at the image.

    Args:
        vocab_size: V. width: C. num_layers, num_heads, ffn_dim, activation, eps: of the stack.
    """

    def __init__(
        self,
        vocab_size: int = 49408,
        width: int = 512,
        num_layers: int = 12,
        num_heads: int = 8,
        ffn_dim: int = 2048,
        activation: str = 'gelu',
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.width, self.vocab_size = width, vocab_size
        self.layers = nn.ModuleList(MultimodalLayer(width, num_heads, ffn_dim, activation, eps) for _ in range(num_layers))
        self.norm = nn.LayerNorm(width, eps)
        self.words = nn.Linear(width, vocab_size, bias=False)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['width'] = 16  # that of a tiny embedding

    def logits(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., V), fp32."""
        return self.words(self.norm(x)).float()


class SplitDecoder:
    """The contract `Decoder` over both halves: the layers of a text encoder, and the multimodal ones.

    Args:
        text, multimodal: the halves, which a network owns.
    """

    entry_points = ()

    def __init__(self, text: ClassTokenTextEncoder, multimodal: MultimodalLayers) -> None:
        self.text, self.multimodal = text, multimodal
        self.width = self.memory_width = multimodal.width
        self.vocab_size, self.word_table = multimodal.vocab_size, text.word_table
        self.max_positions = len(text.positions)

    def __call__(self, ids: Tensor, memory: Memory, sample: Tensor | None = None) -> Tensor:
        """As `TextDecoder.forward`."""
        x = self.text.embed(ids)
        for layer in self.text.layers:
            x = layer(x, causal=True)
        mask = padding_mask(memory.mask)
        mask = mask if mask is None or sample is None else mask.index_select(0, sample)
        for layer in self.multimodal.layers:
            x = layer(x, memory.tokens, mask, sample)
        return self.multimodal.logits(x)

    def prefill(self, ids: Tensor, memory: Memory) -> tuple[Tensor, DecoderState]:
        """As `TextDecoder.prefill`."""
        projected = tuple(layer.project(memory.tokens).for_few_queries() for layer in self.multimodal.layers)
        state = DecoderState(TokenCache(len(self.text.layers) + len(projected)), projected, padding_mask(memory.mask))
        x = self._extend(self.text.embed(ids), state)
        state.past.end_step(ids.shape[1], ids.shape[1])
        return self.multimodal.logits(x[:, -1]), state

    def step(self, ids: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """As `TextDecoder.step`."""
        samples, cache = state.memory[0].key.shape[0], state.past
        x = self.text.embed(ids[:, None], cache.length).view(samples, -1, self.width)
        cache.start_step(samples, len(ids))
        x = self._extend(x, state)
        cache.end_step(1, x.shape[1])
        return self.multimodal.logits(x.flatten(0, 1)), state

    def _extend(self, x: Tensor, state: DecoderState) -> Tensor:
        """The layers of both halves over tokens (B, L, C) that follow those of the cache."""
        for number, layer in enumerate(self.text.layers):
            x = layer.feed(layer.attend_self_cached(x, state.past, number))
        for number, (layer, memory) in enumerate(zip(self.multimodal.layers, state.memory, strict=True), len(self.text.layers)):
            x = layer.text_layer.feed(layer.text_layer.attend_self_cached(x, state.past, number))
            x = layer.feed(layer.attend_memory(x, memory, state.memory_mask))
        return x
