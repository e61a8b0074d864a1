"""Values of --cfg-options keep their kind, blanks, commas and equal signs."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from mplug2.config import DictAction, load_config

CONFIG = 'mini/video_captioning'


def parsed(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    return parser.parse_args(['--cfg-options', *words]).cfg_options


@pytest.mark.parametrize(
    ('word', 'value'),
    [
        ('optim_wrapper.optimizer.betas=(0.9,0.95)', (0.9, 0.95)),
        ('optim_wrapper.optimizer.betas=[0.9, 0.95]', [0.9, 0.95]),
        ('optim_wrapper.optimizer.betas=0.9,0.95', [0.9, 0.95]),
        ('model.network.fusion=None', None),
        ('model.frozen=[vision_encoder]', ['vision_encoder']),
        ("model.frozen=['vision_encoder', universal]", ['vision_encoder', 'universal']),
        ('model.frozen=vision_encoder', 'vision_encoder'),
        ('val_evaluator.0.meteor=True', True),
        ('val_evaluator.0.meteor=true', True),
        ('train_cfg.max_iters=1_000', 1000),
        ('optim_wrapper.optimizer.lr=1e-4', 1e-4),
        ('load_from=/data/a,b/x.pth', '/data/a,b/x.pth'),
        ('load_from=/data/run (2)/x.pth', '/data/run (2)/x.pth'),
        ('load_from=/data/a=b/x.pth', '/data/a=b/x.pth'),
        ('load_from=2026', '2026'),
        ('load_from=None', None),
        ('experiment_name=1e3', '1e3'),
        ('train_dataloader.dataset.split=12', '12'),
        ('model.tasks.captioning.prompt=what does it show, briefly?', 'what does it show, briefly?'),
        ('+optim_wrapper.paramwise_cfg=dict', 'dict'),
        ('+anything={"a": [1, (2, 3)]}', {'a': [1, (2, 3)]}),
    ],
)
def test_a_value_is_what_was_written(word: str, value: Any) -> None:
    cfg: Any = load_config(CONFIG, parsed(word))
    for part in word.split('=')[0].lstrip('+').split('.'):
        cfg = cfg[int(part)] if isinstance(cfg, (list, tuple)) else cfg[part]
    assert cfg == value
    assert type(cfg) is type(value) or isinstance(cfg, dict)


def test_words_that_are_no_overrides_are_refused(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        parsed('model.tasks.captioning.prompt=what', 'does')
    assert "'does' is not KEY=VALUE; quote a value that holds blanks" in capsys.readouterr().err
