# Minutes on two CPU cores; a config sets how many steps.
from mmengine.optim import CosineAnnealingLR, LinearLR
from mmengine.runner import TestLoop, ValLoop
from torch.optim import AdamW

from mplug2.engine import OptimWrapper, TrainLoop

train_cfg = dict(type=TrainLoop, max_iters=2000, val_interval=1000)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
optim_wrapper = dict(
    type=OptimWrapper,
    dtype='auto',
    optimizer=dict(type=AdamW, lr=1e-3, betas=(0.9, 0.98), weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
warm_up = dict(type=LinearLR, start_factor=0.01, end=100, by_epoch=False)
decay = dict(type=CosineAnnealingLR, begin=100, eta_min=1e-5, by_epoch=False)
param_scheduler = [warm_up, decay]
auto_scale_lr = dict(enable=False, base_batch_size=64)
