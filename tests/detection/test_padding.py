import numpy as np

from mplug2.detection import PadUnseen


def test_padding_in_tests_is_not_part_of_the_image() -> None:
    """mmdet clips boxes to img_shape, which its own Pad makes the square's."""
    found = PadUnseen(size=(32, 32)).transform(dict(img=np.ones((20, 30, 3), np.uint8), img_shape=(20, 30)))
    assert found['img'].shape == (32, 32, 3)
    assert found['img_shape'] == (20, 30)
    assert not found['img'][20:].any()
