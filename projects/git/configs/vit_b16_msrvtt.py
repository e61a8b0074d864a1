# GIT Base, video captioning on MSRVTT (9k / 1k split): 6 frames; 10 epochs of cross-entropy at 2.5e-6, 512 captions a step.
# These numbers were not checked against the paper's supplement. Its authors state weight decay 0.01 and dropout 0.1
# (github.com/microsoft/GenerativeImage2Text/issues/41), and for questions about clips 20 epochs at 1e-5, 512 a step (.../46).
from mmengine.config import read_base

from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.modules import DualVisionEncoder, LinearProjector
from mplug2.projects.git import FrameEmbedding, GitNetwork, PrefixDecoder
from mplug2.tasks import Captioning

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.msrvtt_caption import *

layer = dict(width=768, num_heads=12, ffn_dim=3072)
captioning = dict(
    type=Captioning, media='video', condition='vision', generation=dict(num_beams=4, max_length=20, finish='standard')
)
model = dict(
    type=MPlug2,
    tokenizer=tokenizer,
    network=dict(
        type=GitNetwork,
        vision_encoder=dict(type=DualVisionEncoder, image_size=224, patch_size=16, num_layers=12, **layer),
        frame_embedding=dict(type=FrameEmbedding, num_frames=6, width=768),
        projectors=dict(vision_decoder=dict(type=LinearProjector, eps=1e-5)),
        decoder=dict(type=PrefixDecoder, num_layers=6, **layer),
    ),
    tasks=dict(captioning=captioning),
    init_cfg=dict(type=ForeignWeights, source='weights/git-base'),
)
load.update(num_frames=6)
read_train = [load, crop, flip]
read_test = [load, squash]
train_dataloader['dataset'].update(pipeline=[*read_train, target, dict(type=PackInputs)])
test_dataloader['dataset'].update(pipeline=[*read_test, scored])
optim_wrapper['optimizer'].update(lr=2.5e-6, weight_decay=0.01)
auto_scale_lr.update(base_batch_size=512)
