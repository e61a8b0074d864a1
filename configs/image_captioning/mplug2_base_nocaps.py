# mPLUG-2 Base as trained on COCO captions, tested on the validation split of NoCaps; the prediction file is what the
# evaluation server takes. For the test split, which has no captions: --cfg-options
# test_dataloader.dataset.ann_file=data/nocaps/nocaps_test_image_info.json test_dataloader.dataset.data_prefix=data/nocaps/test
# test_evaluator.0.out_file=nocaps_test.json
from mmengine.config import read_base

from mplug2.datasets import NoCaps
from mplug2.evaluation import CaptionMetric

with read_base():
    from .mplug2_base_coco import *

model.update(init_cfg=None)
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
scored.update(fields=['captions', 'image_id', 'domain'])
test_dataloader['dataset'] = dict(
    type=NoCaps,
    ann_file='data/nocaps/nocaps_val_4500_captions.json',
    data_prefix='data/nocaps/val',
    test_mode=True,
    pipeline=[*read_test, *ask, scored],
)
test_evaluator = [dict(type=CaptionMetric, spice=True, out_file='nocaps_val.json')]
