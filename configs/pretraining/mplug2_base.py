# mPLUG-2 Base, pre-training (Appendix B.1) from CLIP ViT-B/16 and BERT-Base: 30 epochs of the
# pairs at 1e-4, 1024 samples a step on 8 GPUs.
from mmengine.config import read_base

from mplug2.engine import StopOnSignal
from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import Captioning, MaskedLanguageModeling, QuestionAnswering, Retrieval, TextCompletion
from mplug2.checkpoints import BertWeights, ClipWeights

with read_base():
    from .._base_.datasets.pretraining import *
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.pretrain import *

model.update(
    init_cfg=[
        dict(type=ClipWeights, source='openai/clip-vit-base-patch16'),
        dict(type=BertWeights, source='bert-base-uncased'),
    ],
    blocks=dict(recompute=['vision_encoder'], every=2),  # clips take 66 GB by mplug2 plan; 90 if all is kept, 42 at every=1
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media=('image', 'video'),
            contrastive=dict(type=MomentumContrast, momentum=0.995, queue_size=65536, distill_alpha=0.4),
            matching=dict(type=HardNegativeMatching),
        ),
        mlm=dict(type=MaskedLanguageModeling, fused=True),  # on fused text too, which the paper does not list (..._text_mlm)
        image_captioning=dict(type=Captioning, media='image', text='instruction'),
        video_captioning=dict(type=Captioning, media='video', text='instruction'),
        image_answering=dict(type=QuestionAnswering, media='image'),
        video_answering=dict(type=QuestionAnswering, media='video'),
        completion=dict(type=TextCompletion),
    ),
)
samples = 1024  # a step, of all GPUs
train_dataloader['dataset'].update(sources={name: dict(source, batch_size=samples // 8) for name, source in sources.items()})
optim_wrapper['optimizer'].update(lr=1e-4)
train_cfg.update(max_iters=round(30 * pairs / samples / pairs_share))
auto_scale_lr = dict(base_batch_size=samples, enable=False)
default_hooks['checkpoint'].update(interval=2000, save_best='text_to_video_R@1')
default_hooks.update(stop_on_signal=dict(type=StopOnSignal, interval=2))  # some launchers kill soon after they signal
