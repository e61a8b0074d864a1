# Pre-training as in Appendix B.1: AdamW, 5,000 steps of warm-up, a cosine to almost nothing. A config sets the rate and how
# many steps.
from mmengine.optim import CosineAnnealingLR, LinearLR
from torch.optim import AdamW

from mplug2.engine import OptimWrapper, PretrainLoop, RetrievalValLoop

train_cfg = dict(type=PretrainLoop, max_iters=500_000, val_interval=10_000)
val_cfg = dict(type=RetrievalValLoop, top_k=64)
optim_wrapper = dict(
    type=OptimWrapper,
    dtype='bfloat16',
    optimizer=dict(type=AdamW, lr=1e-4, betas=(0.9, 0.98), weight_decay=0.02),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(type=LinearLR, start_factor=0.01, end=5000, by_epoch=False),
    dict(type=CosineAnnealingLR, begin=5000, eta_min=1e-6, by_epoch=False),
]
