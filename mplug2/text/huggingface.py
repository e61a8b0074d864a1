"""Tokenizers of other text encoders, through transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import TOKENIZERS
from .tokenizer import PairEncoding, fit_lengths

if TYPE_CHECKING:
    from ..testing.tiny import TinySize


@TOKENIZERS.register_module()
class HuggingFaceTokenizer:
    """Any fast tokenizer of `transformers.AutoTokenizer` (such as DeBERTa's), for input texts.

    Args:
        source: local folder or hub name.

    Raises:
        ImportError: transformers is not installed. ValueError: the tokenizer has no fast form, and only that has offsets.
    """

    def __init__(self, source: str) -> None:
        try:
            from transformers import AutoTokenizer
        except ImportError as error:
            raise ImportError('HuggingFaceTokenizer needs the package transformers: pip install transformers') from error
        tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True)
        if not tokenizer.is_fast:
            raise ValueError(f'{source}: its tokenizer {type(tokenizer).__name__} has no fast form, which offsets need')
        tokenizer.backend_tokenizer.no_truncation()  # a file may be saved with truncation; we choose lengths
        tokenizer.backend_tokenizer.no_padding()
        self.source = source
        self.tokenizer = tokenizer
        self.vocab_size = len(tokenizer)
        self.pad_id = tokenizer.pad_token_id

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg.clear()  # its files may be missing
        cfg.update(type='BertTokenizer', vocab='mini')

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
        # Not its sequence_ids, which are wrong for texts encoded one by one.
        types, offsets, seen = [], [], 0
        for special, span in zip(whole.special_tokens_mask, whole.offsets, strict=True):
            seen += not special
            types.append(int(seen > len(parts[0].ids)))  # separators go with the text before them
            offsets.append((0, 0) if special else span)
        return PairEncoding(whole.ids, types, offsets)
