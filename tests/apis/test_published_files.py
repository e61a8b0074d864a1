"""Each published fine-tuned file under its own config: prompts, frames and ids as in the authors' pipeline.

Their preprocessing is written here once more, from its description, on numpy, PyAV and transformers; the network's numbers are
held against theirs elsewhere (`test_golden`), so `load_release` stands for it.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mplug2 import Inferencer
from mplug2.apis.pipeline import preprocessing_of, published_preprocessing
from mplug2.apis.release import load_release
from mplug2.checkpoints import ReleaseFormat, ReleaseWeights, convert, read_state, write_state
from mplug2.checkpoints.conditioning import conditioning_warning
from mplug2.checkpoints.formats.release import USED_FUSION_LAYERS
from mplug2.config.load import load_config
from mplug2.datasets import multimodal_collate
from mplug2.engine.checkpointer import Checkpointer
from mplug2.networks import Network
from mplug2.registry import MODELS, TRANSFORMS
from mplug2.structures import Tokens
from mplug2.text import tokenizer as tokenizers

FILES = {
    'mPLUG2_MSRVTT_Caption': 'video_captioning/mplug2_{}_msrvtt_release',
    'mPLUG2_MSVD_Caption': 'video_captioning/mplug2_{}_msvd_release',
    'mPLUG2_MSRVTT_QA': 'video_qa/mplug2_{}_msrvtt_release',
    'mPLUG2_MSVD_QA': 'video_qa/mplug2_{}_msvd_release',
}
QUESTION = "Who's the man-in-black playing, at the piano/keyboard (slowly): " + 'very ' * 60 + 'well?'
DROPPED, BLANKS = ',.\'!?"()*#:;~', '-/'


def published_frames(path: str, num_frames: int = 16, side: int = 224) -> torch.Tensor:
    """(1, T, 3, side, side): the middle frame of each of T equal parts, squashed, (x / 255 - mean) / std."""
    with av.open(path) as video:
        clip = np.stack([frame.to_ndarray(format='rgb24') for frame in video.decode(video=0)])
    bounds = [int(bound) for bound in np.linspace(0, len(clip), min(len(clip), num_frames) + 1)]
    taken = [(start + end - 1) // 2 for start, end in pairwise(bounds)]
    taken += taken[-1:] * (num_frames - len(taken))
    rows, columns = (np.floor(np.arange(side) * length / side).astype(int) for length in clip.shape[1:3])
    pixels = clip[taken][:, rows][:, :, columns].astype(np.float32) / 255
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    return torch.from_numpy((pixels - np.float32(mean)) / np.float32(std)).permute(0, 3, 1, 2)[None]


def published_question(text: str, max_words: int = 50) -> list[int]:
    """[CLS] and the bare question's pieces, no [SEP]."""
    from transformers import BertTokenizer

    text = text.lower()
    for mark in DROPPED:
        text = text.replace(mark, '')
    for mark in BLANKS:
        text = text.replace(mark, ' ')
    words = text.strip().split(' ')[:max_words]
    vocab = Path(tokenizers.__file__).parent / 'vocabs' / 'bert-base-uncased.txt'
    return BertTokenizer(str(vocab), do_lower_case=True)(' '.join(words))['input_ids'][:-1]


def small(cfg) -> dict:
    """The config's model at a width that a test can afford; every other argument is the recipe's."""
    network = cfg.model.network
    for part in network.values():
        if isinstance(part, dict):
            part.update(width=64, num_heads=1, ffn_dim=96)
            if 'num_layers' in part:
                part.update(num_layers=2)
    network['universal'].update(num_queries=5)
    network['vision_encoder'].update(patch_size=56)
    return {key: value for key, value in cfg.model.items() if key != 'init_cfg'}


def write_published(folder: Path, name: str, model: dict) -> Path:
    """Random weights in the published keys, in a file of the published name."""
    torch.manual_seed(0)
    network = MODELS.build(model['network'])
    assert isinstance(network, Network)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    path = folder / f'{name}.pth'
    torch.save({'model': ReleaseFormat(2).from_mplug2(network.state_dict())}, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize('size', ['base', 'large'])
@pytest.mark.parametrize('name', FILES)
def test_prompts_frames_and_ids_are_the_published_ones(
    name: str, size: str, mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = load_config(FILES[name].format(size))
    model_cfg = small(cfg)
    path = write_published(tmp_path, name, model_cfg)
    clip = str(min((mini_home / 'data/mini/msrvtt/videos').glob('*.mp4')))
    record = dict(sample_id=0, media='video', path=clip, test_mode=True, captions=['a'], question=QUESTION)
    record.update(question_id=0, answers=['a'], question_type='who')
    for step in cfg.test_dataloader.dataset.pipeline:
        record = TRANSFORMS.build(dict(step))(record)
    model = MODELS.build(model_cfg)
    ReleaseWeights(path)(model)
    batch = model.eval().data_preprocessor(multimodal_collate([record]))

    frames = published_frames(clip)
    assert_close(batch['inputs']['frames'], frames, rtol=0, atol=1e-5)
    answers = name.endswith('QA')
    question = None
    if answers:
        ids = published_question(QUESTION)
        assert batch['inputs']['text'].ids.tolist() == [ids]
        question = Tokens(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.bool))
    published = load_release(path, 'qa' if answers else 'caption', fusion_layers=2)
    limits = dict(num_beams=5, min_length=1, max_length=10) if answers else dict(num_beams=5, min_length=4, max_length=20)
    ids, scores = published.generate(frames, question, **limits)
    ours, our_scores = model.generate(batch['inputs']['frames'], question)
    assert ours == ids
    assert our_scores[0] == pytest.approx(scores[0], rel=1e-4)
    (sample,) = model(**batch, mode='predict')
    text = model.tokenizers['decoder'].decode(ids[0][0])
    assert (sample.pred_answer if answers else sample.pred_caption) == text
    monkeypatch.setitem(USED_FUSION_LAYERS, 4, 2)  # as 3 of the 12 stored, and 6 of 24, are known
    caller = Inferencer(path)  # given nothing but the file: sizes, wiring, preprocessing and prompt are found
    result = caller.answer(clip, QUESTION) if answers else caller.caption(clip)
    assert result.text == text
    assert result.score == pytest.approx(scores[0][0], rel=1e-4)


@pytest.mark.parametrize('name', FILES)
def test_an_inferencer_prepares_inputs_as_the_config_does(name: str) -> None:
    theirs = published_preprocessing(224)
    cfg = load_config(FILES[name].format('large'))
    ours = preprocessing_of(cfg)
    assert ours['video'] == theirs['video']
    if name.endswith('QA'):
        (step,) = ours['text']['question_answering']
        assert {key: value for key, value in step.items() if key not in ('tokenizer', 'instruction')} == theirs['text']['qa'][0]
        assert step['instruction'] is None


def test_a_config_says_that_a_file_was_not_trained_for_it(tmp_path: Path) -> None:
    paths = {name: tmp_path / f'{name}.pth' for name in FILES}
    for name, path in paths.items():
        path.write_bytes(b'')
        assert conditioning_warning(load_config(FILES[name].format('large')), path) is None
    captions, answers = load_config('video_captioning/mplug2_large_msvd'), load_config('video_qa/mplug2_large_msrvtt')
    warning = conditioning_warning(captions, paths['mPLUG2_MSVD_Caption'])
    assert "trained to decode vision alone, and task 'captioning' of this config decodes vision and an instr" in warning
    assert warning.endswith('video_captioning/mplug2_large_msvd_release tests it as published')
    warning = conditioning_warning(answers, paths['mPLUG2_MSRVTT_QA'])
    assert 'vision and a question after an instruction; video_qa/mplug2_large_msrvtt_release' in warning
    assert (
        conditioning_warning(load_config('video_qa/mplug2_large_msrvtt', {'instructions': False}), paths['mPLUG2_MSRVTT_QA'])
        is None
    )
    # Weights for another task, and weights of nobody's, pass.
    assert conditioning_warning(answers, paths['mPLUG2_MSVD_Caption']) is None
    assert conditioning_warning(answers, 'weights/mplug2_large_pretrain.pth') is None


def test_a_run_logs_what_it_asks_otherwise(tmp_path: Path) -> None:
    path = tmp_path / 'mPLUG2_MSVD_Caption.pth'
    path.write_bytes(b'')
    logged: list[str] = []
    for name, count in (('video_captioning/mplug2_large_msvd', 1), ('video_captioning/mplug2_large_msvd_release', 0)):
        runner = SimpleNamespace(cfg=load_config(name), logger=SimpleNamespace(warning=logged.append))
        Checkpointer(runner).warn_of_conditioning(path)
        assert len(logged) == count
        logged.clear()


def test_a_converted_file_is_known_by_its_origin(tmp_path: Path) -> None:
    cfg = load_config('video_captioning/mplug2_large_msvd_release')
    path = write_published(tmp_path, 'mPLUG2_MSVD_Caption', small(cfg))
    state, _ = convert(read_state(path), str(path), fusion_layers=2)
    write_state(state, tmp_path / 'weights.safetensors', origin=path.stem)
    cfg.model.tasks.captioning.condition = 'instruction'
    assert 'weights.safetensors was trained to decode vision alone' in conditioning_warning(
        cfg, tmp_path / 'weights.safetensors'
    )


def test_the_captioning_recipe_names_the_published_differences() -> None:
    cfg = load_config('video_captioning/mplug2_large_msrvtt_release')
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer.lr * cfg.optim_wrapper.paramwise_cfg.custom_keys['network.vision_encoder'].lr_mult == pytest.approx(2e-6)
    assert tuple(optimizer.betas) == (0.9, 0.999)
    assert cfg.param_scheduler[0].end == cfg.param_scheduler[1].begin == 200
    steps = [TRANSFORMS.build(dict(step)) for step in cfg.train_dataloader.dataset.pipeline]
    names = [type(step).__name__ for step in steps]
    augment, target = steps[names.index('RandAugment')], steps[names.index('TokenizeTarget')]
    assert (augment.num_ops, augment.magnitude) == (2, 5)
    (text,) = target(dict(captions=['A man.']))['target']
    tokenizer = target.tokenizer
    expected = [tokenizer.token_id(token) for token in ('[CLS]', 'a', 'video', 'of', '##a', 'man', '[SEP]')]
    assert text.ids == expected
    assert text.loss_mask == [False, False, False, True, True, True, True]
