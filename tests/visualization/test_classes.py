from pathlib import Path

import numpy as np
from PIL import Image

from mplug2.visualization import draw_predictions


def test_wrong_classes_are_drawn_in_red(tmp_path: Path) -> None:
    Image.fromarray(np.full((64, 64, 3), 120, np.uint8)).save(tmp_path / 'a.png')
    sample = dict(sample_id=1, media='image', path=str(tmp_path / 'a.png'), pred_label=3)
    red = []
    for name, right in (('right', dict(label=3)), ('several', dict(labels=[2, 3])), ('wrong', dict(label=4)), ('secret', {})):
        pixels = np.asarray(Image.open(draw_predictions([sample | right], tmp_path / f'{name}.png')).convert('RGB'), int)
        red.append((pixels[..., 0] - pixels[..., 1] > 60).sum())
    assert red[0] == red[1] == red[3] == 0
    assert red[2] > 20


def test_dollars_are_no_formula(tmp_path: Path) -> None:
    Image.fromarray(np.full((64, 64, 3), 120, np.uint8)).save(tmp_path / 'a.png')
    sample = dict(
        sample_id=1, media='image', path=str(tmp_path / 'a.png'), question='$5 % $6_a_b ?', pred_answer='a $20 % #2 $3'
    )
    assert draw_predictions([sample | dict(answers=['$1_a_b % $2'])], tmp_path / 'dollars.png').is_file()
