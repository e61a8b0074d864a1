# mPLUG-2 Large, pre-training (Appendix B.1) from CLIP ViT-L/14 and BERT-Large: 30 epochs of the
# pairs at 5e-5, 512 samples a step on 16 GPUs.
from mmengine.config import read_base

from mplug2.checkpoints import BertWeights, ClipWeights

with read_base():
    from .mplug2_base import *
    from .._base_.models.large import *

model.merge(large)
model.update(
    init_cfg=[
        dict(type=ClipWeights, source='openai/clip-vit-large-patch14'),
        dict(type=BertWeights, source='bert-large-uncased'),
    ],
    blocks=dict(recompute=['vision_encoder'], every=2),  # clips take 63 GB by mplug2 plan; 84 if all is kept, 42 at every=1
)
samples = 512  # a step, of all GPUs
train_dataloader['dataset'].update(sources={name: dict(source, batch_size=samples // 16) for name, source in sources.items()})
optim_wrapper['optimizer'].update(lr=5e-5)
train_cfg.update(max_iters=round(30 * pairs / samples / pairs_share))
auto_scale_lr.update(base_batch_size=samples)
