# Fine-tuning as in Appendix B.2: AdamW, a short warm-up, then a cosine to almost nothing. A config sets rate, epochs, and how
# many samples a step has over all processes (for --auto-scale-lr); batch sizes are those of each of 8 processes.
from mmengine.optim import CosineAnnealingLR, LinearLR
from mmengine.runner import TestLoop, ValLoop
from torch.optim import AdamW

from mplug2.engine import OptimWrapper, TrainLoop

train_cfg = dict(type=TrainLoop, max_epochs=10, val_interval=1000)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
optim_wrapper = dict(
    type=OptimWrapper,
    dtype='bfloat16',
    optimizer=dict(type=AdamW, lr=2e-5, betas=(0.9, 0.98), weight_decay=0.02),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
warm_up = dict(type=LinearLR, start_factor=0.01, end=500, by_epoch=False)
decay = dict(type=CosineAnnealingLR, begin=500, eta_min=1e-7, by_epoch=False)
param_scheduler = [warm_up, decay]
auto_scale_lr = dict(enable=False, base_batch_size=128)
