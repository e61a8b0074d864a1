"""BERT's WordPiece tokenizer, on the `tokenizers` library alone, so no version of transformers can change its ids."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ..registry import TOKENIZERS

if TYPE_CHECKING:
    from ..testing.tiny import TinySize

_VOCABS = Path(__file__).parent / 'vocabs'
SPECIAL = ('[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]')
POLICIES = ('release', 'bert_pair')
# Blanks that word pieces leave and English does not have.
_TIDY = ((' .', '.'), (' ?', '?'), (' !', '!'), (' ,', ','), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"))
_TIDY += ((" 's", "'s"), (" 've", "'ve"), (" 're", "'re"))


class PairEncoding(NamedTuple):
    """``[CLS] a [SEP]`` or ``[CLS] a [SEP] b [SEP]``; each field has one entry for each token.

    ids; token_type_ids: 0 for the first text, 1 for the second; offsets: characters (start, end) in the token's own text,
    (0, 0) for special tokens.
    """

    ids: list[int]
    token_type_ids: list[int]
    offsets: list[tuple[int, int]]


@lru_cache(maxsize=8)
def _wordpiece(path: Path, lowercase: bool) -> Tokenizer:
    """The tokenizer of a vocabulary file, one entry a line.

    Raises:
        FileNotFoundError: no such file. ValueError: an entry occurs twice, or a special token is missing.
    """
    if not path.is_file():
        shipped = ', '.join(repr(file.stem) for file in sorted(_VOCABS.glob('*.txt')))
        raise FileNotFoundError(f'no vocabulary file {path}: give a path, or one of the shipped vocabularies {shipped}')
    words = path.read_text(encoding='utf-8-sig').split('\n')
    if words[-1] == '':
        words.pop()
    vocab = {word: row for row, word in enumerate(words)}
    if len(vocab) != len(words):
        repeated = next(word for row, word in enumerate(words) if vocab[word] != row)
        raise ValueError(f'{path}: the entry {repeated!r} occurs more than once; a vocabulary has one line for each entry')
    missing = [token for token in SPECIAL if token not in vocab]
    if missing:
        raise ValueError(f'{path}: a BERT vocabulary needs the entries {" ".join(missing)}')
    tokenizer = Tokenizer(WordPiece(vocab, unk_token='[UNK]', max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.add_special_tokens(list(SPECIAL))
    if tokenizer.get_vocab_size() != len(words):
        raise ValueError(f'{path} has {len(words)} entries, but the tokenizer made of it {tokenizer.get_vocab_size()}')
    return tokenizer


@TOKENIZERS.register_module()
class BertTokenizer:
    """BERT's uncased WordPiece.

    Args:
        vocab: name of a vocabulary in ``mplug2/text/vocabs`` ('bert-base-uncased', 'mini'), or the path of a file.
        policy: how `encode` frames one text. 'release': ``[CLS] text``, as the published weights were trained.
            'bert_pair': ``[CLS] text [SEP]``, as BERT was.
        lowercase: False for cased vocabularies.
    """

    def __init__(self, vocab: str = 'bert-base-uncased', policy: str = 'release', lowercase: bool = True) -> None:
        if policy not in POLICIES:
            raise ValueError(f'policy is one of {", ".join(map(repr, POLICIES))}, not {policy!r}')
        self.vocab, self.policy, self.lowercase = str(vocab), policy, lowercase
        shipped = _VOCABS / f'{vocab}.txt'
        self._tokenizer = _wordpiece(shipped if shipped.is_file() else Path(vocab), lowercase)
        self.vocab_size = self._tokenizer.get_vocab_size()
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = map(self._tokenizer.token_to_id, SPECIAL)
        self._silent = {self.pad_id, self.unk_id, self.cls_id, self.mask_id}

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['vocab'] = 'mini'

    def __reduce__(self) -> tuple:
        return type(self), (self.vocab, self.policy, self.lowercase)  # a worker reads the file, once

    def __len__(self) -> int:
        return self.vocab_size

    def token_id(self, token: str) -> int:
        """The id of a vocabulary entry, such as ``[unused340]``.

        Raises:
            KeyError: no such entry.
        """
        index = self._tokenizer.token_to_id(token)
        if index is None:
            raise KeyError(f'the vocabulary {self.vocab} has no entry {token!r}')
        return index

    def pieces(self, text: str) -> list[int]:
        """Ids of a text without special tokens."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def encode(self, text: str, max_length: int | None = None) -> list[int]:
        """Ids of one text under the policy, at most `max_length` of them.

        With 'bert_pair' truncation keeps the final ``[SEP]``.
        """
        ids = [self.cls_id, *self.pieces(text)]
        end = [self.sep_id] if self.policy == 'bert_pair' else []
        return (ids if max_length is None else ids[: max_length - len(end)]) + end

    def encode_pair(self, first: str, second: str | None = None, max_length: int | None = None) -> PairEncoding:
        """One text or a pair with BERT's separators; the longer of the two loses tokens until all fit.

        Raises:
            ValueError: `max_length` leaves no room for a token of each text.
        """
        parts = [self._tokenizer.encode(text, add_special_tokens=False) for text in (first, second) if text is not None]
        lengths = [len(part.ids) for part in parts]
        if max_length is not None:
            room = max_length - 1 - len(parts)
            if room < len(parts):
                raise ValueError(f'max_length={max_length} leaves no room for {len(parts)} texts between special tokens')
            lengths = fit_lengths(lengths, room)
        ids, types, offsets = [self.cls_id], [0], [(0, 0)]
        for kind, (part, length) in enumerate(zip(parts, lengths, strict=True)):
            ids += [*part.ids[:length], self.sep_id]
            types += [kind] * (length + 1)
            offsets += [*part.offsets[:length], (0, 0)]
        return PairEncoding(ids, types, offsets)

    def encode_target(self, text: str, prompt: str = '', max_length: int | None = None) -> tuple[list[int], list[bool]]:
        """A target text: ``[CLS] prompt text [SEP]``.

        A truncated text has no ``[SEP]``: the decoder must not learn to stop there.

        Returns:
            ids, and the loss mask: False at ``[CLS]`` and the prompt.
        """
        prefix = [self.cls_id, *(self.pieces(prompt) if prompt else ())]
        ids = [*prefix, *self.pieces(text), self.sep_id][:max_length]
        return ids, [position >= len(prefix) for position in range(len(ids))]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids up to the first ``[SEP]``, without special tokens, with word pieces joined."""
        words: list[str] = []
        for token in map(int, ids):
            if token == self.sep_id:
                break
            if token in self._silent:
                continue
            piece = self._tokenizer.id_to_token(token)
            if piece.startswith('##') and words:
                words[-1] += piece[2:]
            else:
                words.append(piece)
        text = ' '.join(words)
        for blank, tidy in _TIDY:
            text = text.replace(blank, tidy)
        return text


def fit_lengths(lengths: list[int], room: int) -> list[int]:
    """Lengths whose sum is at most `room`: the longer of two is cut until they are equal, then both."""
    if sum(lengths) <= room:
        return lengths
    if len(lengths) == 1:
        return [room]
    shorter = min(*lengths, room // 2)
    return [shorter, room - shorter] if lengths[0] <= lengths[1] else [room - shorter, shorter]
