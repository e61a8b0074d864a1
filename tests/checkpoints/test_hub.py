"""What is read of folders of transformers beside the weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mplug2.checkpoints import CheckpointError
from mplug2.checkpoints.hub import HubFolder
from mplug2.text import tokenizer as tokenizers

VOCAB = Path(tokenizers.__file__).parent / 'vocabs' / 'bert-base-uncased.txt'


@pytest.fixture
def folder(tmp_path: Path) -> HubFolder:
    """One with a ``vocab.txt`` and no ``tokenizer.json``."""
    shutil.copy(VOCAB, tmp_path / 'vocab.txt')
    return HubFolder(tmp_path, {})


@pytest.mark.parametrize('special', [{}, dict(start=101, end=102, pad=0), dict(start='[CLS]', end='[SEP]', vocab_size=30522)])
def test_words_alone_are_berts(folder: HubFolder, special: dict) -> None:
    assert folder.tokenizer(**special) == dict(type='BertTokenizer', vocab=str(folder.path / 'vocab.txt'), policy='bert_pair')


@pytest.mark.parametrize('special', [dict(start=30522), dict(end=2), dict(pad='</s>')])
def test_words_without_the_models_special_tokens_are_refused(folder: HubFolder, special: dict) -> None:
    """BLIP's decoder starts from a token that its vocab.txt does not have: from another one it would write something else."""
    with pytest.raises(CheckpointError, match=r"no vocab\.txt with the model's special tokens"):
        folder.tokenizer(**special)
