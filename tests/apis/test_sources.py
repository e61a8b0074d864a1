"""A model from each thing that a caller may name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mplug2 import Inferencer
from mplug2.apis import load_release
from mplug2.checkpoints import CheckpointError, ReleaseFormat, load_checkpoint
from mplug2.modules import DualVisionEncoder, LocalTemporal, TextDecoder, UniversalLayers
from mplug2.networks import Network
from mplug2.preprocessor import CLIP_MEAN, CLIP_STD
from mplug2.text import BertTokenizer
from tests.runs import mplug2


@pytest.fixture(scope='module')
def clip(mini_home: Path) -> str:
    return str(min((mini_home / 'data/mini/msrvtt/videos').glob('*.mp4')))


def published(folder: Path) -> tuple[Path, Path]:
    """A small file with random weights in the published keys, and a vocabulary whose special tokens are where BERT's are."""
    language = dict(width=128, num_heads=2, ffn_dim=72, dropout=0.0)
    torch.manual_seed(0)
    network = Network(
        vision_encoder=DualVisionEncoder(32, 8, 64, 1, 1, 96, dict(type=LocalTemporal, hidden_dim=24)),
        universal=UniversalLayers(num_layers=2, num_queries=7, vision_width=64, **language),
        decoder=TextDecoder(num_layers=1, vocab_size=131, max_positions=40, **language),
    )
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    path = folder / 'mPLUG2_MSRVTT_Caption.pth'
    torch.save({'model': ReleaseFormat().from_mplug2(network.state_dict())}, path)
    words = [f'word{number}' for number in range(131)]
    words[0], words[100], words[101], words[102], words[103] = '[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'
    vocab = folder / 'words.txt'
    vocab.write_text('\n'.join(words))
    return path, vocab


def test_a_published_file_gives_the_ids_of_load_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, vocab = published(tmp_path)
    tokenizer = dict(type=BertTokenizer, vocab=str(vocab))
    frames = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), np.uint8)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
    normalised = (torch.from_numpy(frames).permute(0, 3, 1, 2) / 255 - mean) / std
    ids, scores = load_release(path).generate(normalised[None], num_beams=5, min_length=4, max_length=20)
    reads: list[Path] = []
    monkeypatch.setattr('mplug2.apis.sources.load_checkpoint', lambda path: reads.append(path) or load_checkpoint(path))
    result = Inferencer(path, tokenizer=tokenizer, dtype='float32').caption(frames)
    assert reads == [path]  # gigabytes, where it is real
    assert result.text == BertTokenizer(str(vocab)).decode(ids[0][0])
    assert result.score == pytest.approx(scores[0][0], rel=1e-4)
    # And it goes through a model folder.
    model = Inferencer(path, tokenizer=tokenizer, dtype='float32').model
    again = Inferencer(model.save_pretrained(tmp_path / 'folder'), dtype='float32')
    assert again.caption(frames).text == result.text


@pytest.mark.slow
def test_a_work_directory_a_checkpoint_and_a_folder_of_it_caption_alike(mini_home: Path, tmp_path: Path, clip: str) -> None:
    work_dir = tmp_path / 'run'
    options = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1', 'val_dataloader=None', 'val_cfg=None', 'val_evaluator=None']
    options += ['train_dataloader.num_workers=0', 'train_dataloader.batch_size=2', 'load_from=mplug2_tiny']
    status = mplug2(mini_home, 'train', 'mini/video_captioning', '--work-dir', work_dir, '--cfg-options', *options)
    assert status == 0
    text = Inferencer(work_dir).caption(clip).text
    assert Inferencer(work_dir / 'iter_1.pth').caption(clip).text == text
    lonely = tmp_path / 'lonely.pth'
    lonely.write_bytes((work_dir / 'iter_1.pth').read_bytes())
    with pytest.raises(CheckpointError, match=r'no config beside them: say which model they are of'):
        Inferencer(lonely)
    model = Inferencer(lonely, config='mini/video_captioning')
    assert model.caption(clip).text == text
    assert Inferencer(model.model.save_pretrained(tmp_path / 'folder')).caption(clip).text == text


def test_a_name_that_is_nothing_is_an_error() -> None:
    with pytest.raises(
        CheckpointError, match='no model mplug2_huge: neither a file or folder nor a shipped model; those are mplug2_tiny'
    ):
        Inferencer('mplug2_huge')
    with pytest.raises(TypeError, match='tokenizer: keywords for a published file, which mplug2_tiny is not'):
        Inferencer('mplug2_tiny', tokenizer={})
    with pytest.raises(ValueError, match="dtype is 'auto', 'int8' or one of"):
        Inferencer('mplug2_tiny', dtype='int4')
