"""Stock configs of mmdet and mmaction2 take our backbone, and mmdet's tools read what our detectors write."""

from __future__ import annotations

import copy
import runpy
from pathlib import Path
from typing import Any

import mmaction
import mmdet
import mmengine
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from mplug2 import Inferencer
from mplug2.cli.config import recipe
from mplug2.config.load import find_config, load_config
from mplug2.detection import CocoDetection, LoadPixels, VisionBackbone
from mplug2.detection.coco import DIGITS
from mplug2.registry import MODELS, TRANSFORMS

from .test_detector import network


def named(cfg: Any) -> Any:
    """The network's config with names in place of classes, as a config of another package has them."""
    if isinstance(cfg, dict):
        return {key: f'mplug2.{value.__name__}' if key == 'type' else named(value) for key, value in cfg.items()}
    return cfg


def stock(package: Any, name: str) -> Config:
    return Config.fromfile(Path(package.__file__).parent / '.mim/configs' / name)


@pytest.fixture(scope='module')
def stock_detector() -> ConfigDict:
    """mmdet's own Faster R-CNN for COCO, with backbone and neck changed and nothing else."""
    cfg = stock(mmdet, 'faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py').model.to_dict()
    cfg['backbone'] = dict(type='mplug2.VisionBackbone', network=named(network()))
    cfg['neck'] = dict(type='mplug2.SimpleFeaturePyramid', width=32, out_channels=256)
    return ConfigDict(cfg)


@pytest.mark.slow
def test_a_stock_detector_trains_and_tests_with_augmentation(stock_detector: ConfigDict) -> None:
    torch.manual_seed(0)
    images = [torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)]
    sample = DetDataSample(metainfo=dict(img_shape=(64, 64), ori_shape=(64, 64), pad_shape=(64, 64), scale_factor=(1.0, 1.0)))
    sample.set_metainfo(dict(batch_input_shape=(64, 64)))
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[8.0, 8.0, 40.0, 40.0]]), labels=torch.tensor([2]))
    with DefaultScope.overwrite_default_scope('mmdet'):
        detector = MMENGINE_MODELS.build(copy.deepcopy(stock_detector))
        assert isinstance(detector.backbone, VisionBackbone)
        data = detector.data_preprocessor(dict(inputs=images, data_samples=[sample]), training=True)
        loss, _ = detector.parse_losses(detector(**data, mode='loss'))
        loss.backward()
        assert detector.backbone.model.network.vision_encoder.patch_embedding.weight.grad.abs().sum() > 0

        tta = dict(type='DetTTAModel', tta_cfg=dict(nms=dict(type='nms', iou_threshold=0.5), max_per_img=100))
        augmented = MMENGINE_MODELS.build(dict(**tta, module=copy.deepcopy(stock_detector))).eval()
        flipped = copy.deepcopy(sample)
        for view, flip in ((sample, False), (flipped, True)):
            view.set_metainfo(dict(flip=flip, flip_direction='horizontal' if flip else None, img_id=1))
        (merged,) = augmented.test_step(dict(inputs=[images, [images[0].flip(-1)]], data_samples=[[sample], [flipped]]))
    assert len(merged.pred_instances.bboxes) == len(merged.pred_instances.scores)


def test_a_stock_recognizer_trains_on_clips() -> None:
    """mmaction2's own SlowOnly for Kinetics: another backbone, and the width that its head reads."""
    torch.manual_seed(0)
    cfg = stock(mmaction, '_base_/models/slowonly_r50.py').model.to_dict()
    cfg['backbone'] = dict(type='mplug2.VisionBackbone', network=named(network()))
    cfg['cls_head'].update(in_channels=32, num_classes=3, dropout_ratio=0.0)
    with DefaultScope.overwrite_default_scope('mmaction'):
        recognizer = MMENGINE_MODELS.build(cfg)
    clips = torch.randint(0, 256, (2, 1, 3, 4, 32, 32), dtype=torch.uint8)  # B, clips of a video, C, T, H, W
    samples = [ActionDataSample().set_gt_label(label) for label in (0, 2)]
    data = recognizer.data_preprocessor(dict(inputs=list(clips), data_samples=samples), training=True)
    losses = recognizer(**data, mode='loss')
    losses['loss_cls'].backward()
    encoder = recognizer.backbone.model.network.vision_encoder
    assert encoder.patch_embedding.weight.grad.abs().sum() > 0
    recognizer.eval()
    scores = [sample.pred_score for sample in recognizer(**data, mode='predict')]
    torch.testing.assert_close(torch.stack(scores).sum(1), torch.ones(2))


def test_a_clip_is_one_map_over_time() -> None:
    torch.manual_seed(0)
    backbone = VisionBackbone(network()).eval()
    backbone.init_weights()
    clips = torch.randn(2, 3, 4, 32, 32)
    dense = backbone(clips)
    assert dense.shape == (2, 32, 4, 4, 4)
    memory = backbone.model.network.encode_vision(clips.transpose(1, 2)).memory
    torch.testing.assert_close(dense[1, :, 2, 1, 3], memory[1, 1 + 2 * 16 + 1 * 4 + 3])
    (image,) = backbone(clips[:, :, 0])
    torch.testing.assert_close(image, backbone(clips[:, :, :1])[:, :, 0])


def test_mmdets_confusion_matrix_reads_our_data_and_results(mini_home: Path, tmp_path: Path) -> None:
    """Perfect predictions, dumped by mmdet's own metric, lie on the diagonal; a wrong label leaves it."""
    from mmdet.evaluation import DumpDetResults  # needs what mplug2.detection supplies

    root = mini_home / 'data/mini/coco'
    data = CocoDetection(
        ann_file=str(root / 'annotations/instances_val2014.json'),
        data_prefix=dict(img=str(root / 'val2014')),
        metainfo=dict(classes=DIGITS),
        test_mode=True,
        pipeline=[],
    )
    dump = DumpDetResults(out_file_path=str(tmp_path / 'results.pkl'))
    labels = []
    for number in range(len(data)):
        instances = data.get_data_info(number)['instances']
        boxes = torch.tensor([instance['bbox'] for instance in instances], dtype=torch.float32).reshape(-1, 4)
        own = torch.tensor([instance['bbox_label'] for instance in instances], dtype=torch.int64)
        labels += own.tolist()
        predicted = InstanceData(bboxes=boxes, labels=own, scores=torch.ones(len(own)))
        dump.process({}, [DetDataSample(pred_instances=predicted, metainfo=dict(img_id=number)).to_dict()])
    dump.evaluate(len(data))
    tool = runpy.run_path(str(Path(mmdet.__file__).parent / '.mim/tools/analysis_tools/confusion_matrix.py'))
    results = mmengine.load(tmp_path / 'results.pkl')
    matrix = tool['calculate_confusion_matrix'](data, results, tp_iou_thr=0.95)
    assert matrix.trace() == matrix.sum() == len(labels)
    results[0]['pred_instances']['labels'][0] = (labels[0] + 1) % 10
    matrix = tool['calculate_confusion_matrix'](data, results, tp_iou_thr=0.95)
    assert matrix[labels[0], (labels[0] + 1) % 10] == 1


def test_mmdets_inferencer_runs_our_configs(mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config as it is and as a run writes it out, with a checkpoint of ours: boxes are those of our own door."""
    from mmdet.apis import DetInferencer

    monkeypatch.chdir(mini_home)
    cfg = load_config('mini/detection')
    torch.manual_seed(0)
    torch.save({'state_dict': MODELS.build(cfg.model).state_dict()}, tmp_path / 'random.pth')
    (tmp_path / 'written.py').write_text(recipe(cfg))
    images = sorted(map(str, (mini_home / 'data/mini/coco/val2014').glob('*.jpg')))[:2]
    expected = list(Inferencer(tmp_path / 'random.pth', config='mini/detection').detect(images, threshold=0.0))
    for config in (Path(find_config('mini/detection')), tmp_path / 'written.py'):
        with DefaultScope.overwrite_default_scope('mmdet'):
            inferencer = DetInferencer(str(config), str(tmp_path / 'random.pth'), device='cpu', show_progress=False)
            for predicted, ours in zip(inferencer(images, batch_size=2)['predictions'], expected, strict=True):
                assert torch.tensor(predicted['scores']).allclose(torch.tensor(ours.scores), atol=1e-5)
                torch.testing.assert_close(torch.tensor(predicted['bboxes']), torch.tensor(ours.boxes), atol=0.1, rtol=0)
    (own,) = {step['type'] for step in load_config('own/detection').test_dataloader.dataset.pipeline[:1]}
    assert isinstance(TRANSFORMS.build(dict(type=own)), LoadPixels)
