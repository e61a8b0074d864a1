"""Text encoders. B samples, L tokens, C channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from ...registry import MODELS
from ...structures import Tokens
from ..layers import TextEmbedding, TransformerLayer, initialize_transformer, padding_mask
from ..wrapped import source_and_config

if TYPE_CHECKING:
    from ...testing.tiny import TinySize


@MODELS.register_module()
class BertTextEncoder(nn.Module):
    """BERT up to the universal layers (Section 3.1): embedding and the layers that belong to text alone.

    Args:
        vocab_size, max_positions, num_token_types: of the embedding. width: C. num_heads, ffn_dim: of a layer.
        num_layers: those of this module only; BERT-Base has 12, of which the last S = 2 are the universal layers.
        dropout: on embeddings, outputs and attention weights. eps: of layer norms. norm: 'post' (BERT), or 'pre' (FLAVA).
    """

    def __init__(
        self,
        vocab_size: int = 30522,
        width: int = 768,
        num_layers: int = 10,
        num_heads: int = 12,
        ffn_dim: int = 3072,
        max_positions: int = 512,
        num_token_types: int = 2,
        dropout: float = 0.1,
        eps: float = 1e-12,
        norm: str = 'post',
    ) -> None:
        super().__init__()
        self.width = width
        self.vocab_size = vocab_size
        self.embedding = TextEmbedding(vocab_size, width, max_positions, num_token_types, eps, dropout)
        self.layers = nn.ModuleList(
            TransformerLayer(width, num_heads, ffn_dim, norm=norm, eps=eps, dropout=dropout, attention_dropout=dropout)
            for _ in range(num_layers)
        )

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)

    @property
    def word_table(self) -> Tensor:
        """(V, C), to which the head of masked-language modelling is tied."""
        return self.embedding.word.weight

    def forward(self, text: Tokens) -> Tensor:
        """Returns (B, L, C)."""
        x = self.embedding(text.ids, text.token_type_ids)
        mask = padding_mask(text.mask)
        for layer in self.layers:
            x = layer(x, mask)
        return x


@MODELS.register_module()
class HuggingFaceTextEncoder(nn.Module):
    """Any encoder of `transformers.AutoModel`, with all its layers (the paper's mPLUG-2 with DeBERTa).

    The universal layers then follow it, with weights of their own.

    Args:
        model: a config as a dict with its ``model_type`` ('deberta-v2', ...), which starts from random weights; or a local
            folder or hub name, whose weights `init_weights` loads.

    Raises:
        ImportError: transformers is not installed. ValueError: the dict names no model type that transformers has.
    """

    def __init__(self, model: dict | str) -> None:
        super().__init__()
        self.source, config = source_and_config(model, 'HuggingFaceTextEncoder', 'deberta-v2')
        from transformers import AutoModel

        self.width = config.hidden_size
        self.vocab_size = config.vocab_size
        self.has_types = getattr(config, 'type_vocab_size', 0) > 0
        self.model = AutoModel.from_config(config)
        if getattr(self.model, 'pooler', None) is not None:
            self.model.pooler = None  # nothing reads it

    def init_weights(self) -> None:
        """Load the weights of `source`; a model made from a dict keeps the random ones that transformers gave it."""
        if self.source is not None:
            from transformers import AutoModel

            self.model.load_state_dict(
                {k: v for k, v in AutoModel.from_pretrained(self.source).state_dict().items() if not k.startswith('pooler.')}
            )

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['model'] = dict(
            model_type='deberta',
            vocab_size=1000,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=48,
            max_position_embeddings=96,
            relative_attention=True,
            pos_att_type=['c2p', 'p2c'],
        )

    @property
    def word_table(self) -> Tensor:
        """(V, C), to which the head of masked-language modelling is tied."""
        return self.model.get_input_embeddings().weight

    def forward(self, text: Tokens) -> Tensor:
        """Returns (B, L, C)."""
        types = {'token_type_ids': text.token_type_ids} if self.has_types and text.token_type_ids is not None else {}
        return self.model(input_ids=text.ids, attention_mask=text.mask.long(), **types).last_hidden_state
