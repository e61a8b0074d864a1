"""Tokenizers of published models from their ``tokenizer.json``, on the `tokenizers` library alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from ..registry import TOKENIZERS
from .tokenizer import PairEncoding, fit_lengths

if TYPE_CHECKING:
    from ..testing.tiny import TinySize


@TOKENIZERS.register_module()
class FileTokenizer:
    """The tokenizer of a file. The file itself says what surrounds an input text (``[CLS]``, an end token).

    The file is read at its first use, so that a model can be planned without it.

    Args:
        vocab: path of a ``tokenizer.json``. start, end, pad, mask: special tokens by name, or by id
            where the model has them beyond the file's words. Targets of a decoder are between
            start and end; padding is the end token's where no ``pad`` is given. vocab_size: rows of the model's word table, if
            they are more than the file's words.
    """

    def __init__(
        self,
        vocab: str,
        start: str | int | None = None,
        end: str | int | None = None,
        pad: str | int | None = None,
        mask: str | int | None = None,
        vocab_size: int | None = None,
    ) -> None:
        self.vocab = str(vocab)
        self._names = (start, end, pad, mask)
        self._vocab_size = vocab_size

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        """
        Raises:
            FileNotFoundError: no such file. ValueError: it is no tokenizer.json.
        """
        if not Path(self.vocab).is_file():
            raise FileNotFoundError(f'no tokenizer file {self.vocab}: give the tokenizer.json of a model')
        try:
            tokenizer = Tokenizer.from_file(self.vocab)
        except Exception as error:  # the library raises nothing more specific
            raise ValueError(f'{self.vocab} is no tokenizer.json: {error}') from error
        tokenizer.no_truncation()  # a file may be saved with both; callers choose lengths
        tokenizer.no_padding()
        return tokenizer

    @property
    def vocab_size(self) -> int:
        return self._vocab_size or self._tokenizer.get_vocab_size()

    @cached_property
    def _special(self) -> list[int | None]:
        return [None if name is None else self.token_id(name) for name in self._names]

    @property
    def cls_id(self) -> int | None:
        return self._special[0]

    @property
    def sep_id(self) -> int | None:
        return self._special[1]

    @property
    def pad_id(self) -> int:
        return next((token for token in (self._special[2], self.sep_id) if token is not None), 0)

    @property
    def mask_id(self) -> int | None:
        return self._special[3]

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg.clear()  # its file may be missing
        cfg.update(type='BertTokenizer', vocab='mini')

    def __reduce__(self) -> tuple:
        return type(self), (self.vocab, *self._names, self._vocab_size)

    def __len__(self) -> int:
        return self.vocab_size

    def token_id(self, token: str | int) -> int:
        """The id of a vocabulary entry, or the id itself.

        Raises:
            ValueError: no such entry.
        """
        if isinstance(token, int):
            return token
        index = self._tokenizer.token_to_id(token)
        if index is None:
            raise ValueError(f'the tokenizer {self.vocab} has no entry {token!r}')
        return index

    def pieces(self, text: str) -> list[int]:
        """Ids of a text without special tokens."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def encode(self, text: str, max_length: int | None = None) -> list[int]:
        """Ids of an input text with the special tokens of the file, which stay when the text is cut to `max_length`."""
        return self.encode_pair(text, max_length=max_length).ids

    def encode_pair(self, first: str, second: str | None = None, max_length: int | None = None) -> PairEncoding:
        """As `BertTokenizer.encode_pair`, with the special tokens of the file.

        Raises:
            ValueError: `max_length` leaves no room for a token of each text.
        """
        parts = [self._tokenizer.encode(text, add_special_tokens=False) for text in (first, second) if text is not None]
        if max_length is not None:
            room = max_length - self._tokenizer.num_special_tokens_to_add(second is not None)
            if room < len(parts):
                raise ValueError(f'max_length={max_length} leaves no room for {len(parts)} texts between special tokens')
            for part, length in zip(parts, fit_lengths([len(part.ids) for part in parts], room), strict=True):
                part.truncate(length)
        whole = self._tokenizer.post_process(*parts)
        offsets = [(0, 0) if special else span for special, span in zip(whole.special_tokens_mask, whole.offsets, strict=True)]
        return PairEncoding(whole.ids, whole.type_ids, offsets)

    def encode_target(self, text: str, prompt: str = '', max_length: int | None = None) -> tuple[list[int], list[bool]]:
        """A target text between start and end token; as `BertTokenizer.encode_target`.

        Raises:
            ValueError: start or end was not given.
        """
        if self.cls_id is None or self.sep_id is None:
            raise ValueError(f'the tokenizer {self.vocab} was given no start and end token, which a decoder needs')
        prefix = [self.cls_id, *(self.pieces(prompt) if prompt else ())]
        ids = [*prefix, *self.pieces(text), self.sep_id][:max_length]
        return ids, [position >= len(prefix) for position in range(len(ids))]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids up to the first end token after the start, without special tokens."""
        ids = list(map(int, ids))
        body = ids[1:] if ids and ids[0] == self.cls_id else ids  # some models start and end with one token
        if self.sep_id in body:
            body = body[: body.index(self.sep_id)]
        return self._tokenizer.decode(body, skip_special_tokens=True).strip()
