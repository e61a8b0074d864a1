"""The operators in place of a compiled mmcv give its answers, frozen by `tests.detection.cases`, and step aside for it."""

import importlib.machinery
import importlib.util
import sys

import numpy as np
import pytest
import torch

from mplug2 import detection  # noqa: F401  (supplies mmcv._ext where there is none)
from mplug2.detection import mmcv_ops

from . import cases

COMPILED = dict(np.load(cases.ANSWERS))


@pytest.fixture(scope='module')
def ours():
    return cases.answers()


def test_there_are_no_more_and_no_fewer_cases(ours):
    assert set(ours) == {key for key in COMPILED if not key.startswith('step')}


@pytest.mark.parametrize('case', cases.NMS, ids=str)
def test_suppression(ours, case):
    key = cases.name('nms', *case)
    np.testing.assert_array_equal(ours[key], COMPILED[key])


@pytest.mark.parametrize('case', cases.SOFT, ids=str)
def test_soft_suppression(ours, case):
    key = cases.name('soft', *case)
    assert 0 < len(COMPILED[key]) <= 60
    np.testing.assert_allclose(ours[key], COMPILED[key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('case', cases.ALIGN, ids=str)
@pytest.mark.parametrize('kind', ['align', 'align_gradient'])
def test_regions(ours, kind, case):
    key = cases.name(kind, *case)
    assert np.abs(COMPILED[key]).max() > 0.1
    np.testing.assert_allclose(ours[key], COMPILED[key], rtol=1e-4, atol=2e-5)


def test_a_training_step_and_a_prediction():
    found = cases.step(cases.small_detector())
    assert set(found) == {key for key in COMPILED if key.startswith('step')}
    for key, value in found.items():
        pixels = 3 if 'masks' in key else 0  # a mask's border is a threshold
        np.testing.assert_allclose(value, COMPILED[key], rtol=2e-3, atol=pixels + 2e-3, err_msg=key)


def test_suppression_is_greedy_over_many_blocks(monkeypatch):
    boxes, scores = cases.boxes(300, 5)
    whole = mmcv_ops.nms(boxes, scores, 0.4, 0)
    monkeypatch.setattr(mmcv_ops, '_BLOCK', 7)
    assert torch.equal(mmcv_ops.nms(boxes, scores, 0.4, 0), whole)
    rest, kept = scores.argsort(descending=True).tolist(), []
    while rest:
        best, *rest = rest
        kept.append(best)
        overlaps = mmcv_ops._overlaps(boxes[[best]], boxes[rest], 0)[0]
        rest = [index for index, overlap in zip(rest, overlaps.tolist(), strict=True) if not overlap > 0.4]
    assert whole.tolist() == kept


def test_regions_in_many_groups(monkeypatch):
    maps, rois = cases.regions()
    out = torch.zeros(len(rois), 3, 7, 7)
    again = out.clone()
    how = dict(aligned_height=7, aligned_width=7, spatial_scale=0.25, sampling_ratio=0, pool_mode=1, aligned=True)
    mmcv_ops.roi_align_forward(maps, rois, out, maps, maps, **how)
    monkeypatch.setattr(mmcv_ops, '_CELLS', 1)
    mmcv_ops.roi_align_forward(maps, rois, again, maps, maps, **how)
    torch.testing.assert_close(out, again)


def test_a_linear_map_is_read_at_the_bins_centres():
    """Bilinear interpolation of f(y, x) = y + 10 x is exact: an aligned bin's average is f at its centre."""
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing='ij')
    out = torch.zeros(1, 1, 2, 2)
    rois = torch.tensor([[0, 4.0, 2.0, 12.0, 10.0]])
    how = dict(aligned_height=2, aligned_width=2, spatial_scale=1.0, sampling_ratio=0, pool_mode=1, aligned=True)
    mmcv_ops.roi_align_forward((y + 10 * x)[None, None], rois, out, None, None, **how)
    expected = torch.tensor([[3.5 + 55.0, 3.5 + 95.0], [7.5 + 55.0, 7.5 + 95.0]])
    torch.testing.assert_close(out[0, 0], expected)


def test_maximum_pooling_is_refused():
    from mmcv.ops import roi_align

    if sys.modules['mmcv._ext'].__spec__.origin != mmcv_ops.__file__:
        pytest.skip('a compiled mmcv is installed')
    with pytest.raises(NotImplementedError, match="pool_mode='avg'"):
        roi_align(*cases.regions(), (2, 2), 1.0, 0, 'max', True)


def test_torchvision_is_taken_where_it_loads(monkeypatch):
    calls = []

    class Operators:
        def nms(self, boxes, scores, threshold):
            calls.append('nms')
            return torch.arange(1)

        def roi_align(self, maps, rois, scale, height, width, ratio, aligned):
            calls.append((scale, height, width, ratio, aligned))
            return maps.new_ones(len(rois), maps.shape[1], height, width)

        # torchvision::_roi_align_backward(grad, rois, spatial_scale, pooled_height, pooled_width, batch_size, channels, height,
        # width, sampling_ratio, aligned) -> Tensor
        def _roi_align_backward(self, grad, rois, scale, high, wide, batch, channels, height, width, ratio, aligned):
            assert grad.shape == (len(rois), channels, high, wide)
            calls.append((scale, high, wide, batch, channels, height, width, ratio, aligned))
            return grad.new_full((batch, channels, height, width), 2.0)

    monkeypatch.setattr(mmcv_ops, 'torchvision_operators', Operators)
    boxes, scores = cases.boxes(4)
    assert mmcv_ops.nms(boxes, scores, 0.5, 0).tolist() == [0]
    assert len(mmcv_ops.nms(boxes, scores, 0.5, 1)) > 0  # which torchvision has not
    maps, rois = cases.regions()
    out = torch.zeros(len(rois), 3, 7, 5)
    mmcv_ops.roi_align_forward(maps, rois, out, None, None, 7, 5, 0.25, 2, 1, True)
    assert calls == ['nms', (0.25, 7, 5, 2, True)]
    assert (out == 1).all()
    gradient = torch.ones(2, 3, 20, 30)
    mmcv_ops.roi_align_backward(out, rois, None, None, gradient, 7, 5, 0.25, 2, 1, True)
    assert calls[2:] == [(0.25, 7, 5, 2, 3, 20, 30, 2, True)]
    assert (gradient == 3).all()  # added to what is there


def test_another_operator_names_itself_and_the_fix():
    extension = mmcv_ops._Finder().create_module(importlib.machinery.ModuleSpec(mmcv_ops.NAME, None))
    assert callable(extension.deform_conv_forward)
    with pytest.raises(NotImplementedError, match=r"'deform_conv_forward' needs a compiled mmcv.*nms, roi_align.*WITH_OPS"):
        extension.deform_conv_forward(1, 2)
    assert not hasattr(extension, '__path__')


def test_a_compiled_extension_comes_first(tmp_path, monkeypatch):
    (tmp_path / '_ext.py').write_text('compiled = True\n')
    for module in [name for name in sys.modules if name == 'mmcv._ext']:
        monkeypatch.delitem(sys.modules, module)
    import mmcv

    monkeypatch.setattr(mmcv, '__path__', [str(tmp_path), *mmcv.__path__])
    mmcv_ops.install()
    spec = importlib.util.find_spec('mmcv._ext')
    assert spec.origin == str(tmp_path / '_ext.py')


def test_installing_twice_adds_one_finder():
    mmcv_ops.install()
    mmcv_ops.install()
    assert sum(isinstance(finder, mmcv_ops._Finder) for finder in sys.meta_path) == 1
