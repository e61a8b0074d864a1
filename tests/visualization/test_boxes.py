import numpy as np
from PIL import Image

from mplug2.visualization import draw_predictions


def test_predicted_and_right_boxes_are_drawn(tmp_path):
    Image.fromarray(np.full((64, 64, 3), 120, np.uint8)).save(tmp_path / 'a.png')
    sample = dict(sample_id=1, media='image', path=str(tmp_path / 'a.png'), phrase='the five', box=[0.1, 0.1, 0.6, 0.6])
    one = draw_predictions([{**sample, 'pred_box': None}], tmp_path / 'one.png')
    both = draw_predictions([{**sample, 'pred_box': (0.2, 0.2, 0.7, 0.7)}], tmp_path / 'both.png')
    red = [np.asarray(Image.open(path).convert('RGB'), int) for path in (one, both)]
    red = [(pixels[..., 0] - pixels[..., 1] > 60).sum() for pixels in red]
    assert red[1] > red[0] + 50  # the title of a wrong answer is red as well
