"""Tokenizers of other text encoders, through transformers."""

from __future__ import annotations

from ..registry import TOKENIZERS
from .tokenizer import PairEncoding, fit_lengths


@TOKENIZERS.register_module()
class HuggingFaceTokenizer:
    """Any fast tokenizer of `transformers.AutoTokenizer` (that of DeBERTa), for texts that go in.

    Args:
        source: local folder or hub name.

    Raises:
        ImportError: transformers is not installed. ValueError: the tokenizer has no fast form, which alone knows offsets.
    """

    def __init__(self, source: str) -> None:
        try:
            from transformers import AutoTokenizer
        except ImportError as error:
            raise ImportError('HuggingFaceTokenizer needs the package transformers: pip install transformers') from error
        tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True)
        if not tokenizer.is_fast:
            raise ValueError(f'{source}: its tokenizer {type(tokenizer).__name__} has no fast form, which offsets need')
        self.source = source
        self.tokenizer = tokenizer
        self.vocab_size = len(tokenizer)
        self.pad_id = tokenizer.pad_token_id

    def __reduce__(self) -> tuple:
        return type(self), (self.source,)

    def encode_pair(self, first: str, second: str | None = None, max_length: int | None = None) -> PairEncoding:
        """As `BertTokenizer.encode_pair`, with the separators of this tokenizer.

        Raises:
            ValueError: `max_length` leaves no room for a token of each text.
        """
        backend = self.tokenizer.backend_tokenizer
        parts = [backend.encode(text, add_special_tokens=False) for text in (first, second) if text is not None]
        if max_length is not None:
            room = max_length - self.tokenizer.num_special_tokens_to_add(pair=second is not None)
            if room < len(parts):
                raise ValueError(f'max_length={max_length} leaves no room for {len(parts)} texts between special tokens')
            for part, length in zip(parts, fit_lengths([len(part.ids) for part in parts], room), strict=True):
                part.truncate(length)
        whole = backend.post_process(*parts)
        if second is None:
            types = [0] * len(whole.ids)
        else:  # from which text each token is; separators go with the text before them
            types, kind = [], 0
            for sequence in whole.sequence_ids:
                kind = kind if sequence is None else sequence
                types.append(kind)
        offsets = [
            (0, 0) if sequence is None else place for sequence, place in zip(whole.sequence_ids, whole.offsets, strict=True)
        ]
        return PairEncoding(whole.ids, types, offsets)
