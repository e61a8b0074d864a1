# X-CLIP ViT-B/32, Kinetics-400 by the names of its actions, from a folder of openai/clip-vit-base-patch32: 8 frames over the
# whole clip; 30 epochs at 8e-6, ten times that for what CLIP does not have, 256 clips a step; CLIP's text encoder stays as it
# is. The published recipe also mixes clips, smooths labels and changes colours.
from mmaction.datasets.transforms import UniformSample
from mmengine.config import read_base

from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.modules import LogitScaleHead
from mplug2.preprocessor import MultiModalDataPreprocessor
from mplug2.projects.clip import CausalTextEncoder
from mplug2.projects.clip4clip import FrameTransformer
from mplug2.projects.xclip import CrossFrameEncoder, PromptedClassification, VideoPrompts, XclipNetwork
from mplug2.text import FileTokenizer

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.kinetics import *

weights = 'weights/clip-vit-base-patch32'
words = dict(width=512, num_heads=8)
model = dict(
    type=MPlug2,
    tokenizers=dict(text=dict(type=FileTokenizer, vocab=f'{weights}/tokenizer.json', vocab_size=49408)),
    data_preprocessor=dict(type=MultiModalDataPreprocessor, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    network=dict(
        type=XclipNetwork,
        vision_encoder=dict(type=CrossFrameEncoder, width=768, num_layers=12, num_heads=12, ffn_dim=3072, num_frames=8),
        text_encoder=dict(type=CausalTextEncoder, num_layers=12, ffn_dim=2048, **words),
        temporal=dict(type=FrameTransformer, num_layers=1, ffn_dim=2048, max_positions=8, eps=1e-5, **words),
        prompts=dict(type=VideoPrompts, num_layers=2, **words),
        projection_dim=512,
    ),
    tasks=dict(
        classification=dict(
            type=PromptedClassification,
            names=f'{data_root}/label_map.txt',
            projection_dim=512,
            head=dict(type=LogitScaleHead),
        )
    ),
    frozen=['text_encoder', 'text_projection'],
    init_cfg=dict(
        type=ForeignWeights,
        source=weights,
        new=['vision_encoder.blocks.*.message*', 'temporal.*', 'patch_projection.*', 'prompts.*'],
    ),
)
tested = dict(test_mode=True)
for loader, sampling in ((train_dataloader, {}), (val_dataloader, tested), (test_dataloader, dict(tested, num_clips=4))):
    loader['dataset']['pipeline'][0]['steps'][1] = dict(type=UniformSample, clip_len=8, **sampling)
del loader, sampling
optim_wrapper['optimizer'].update(lr=8e-6, weight_decay=1e-3)
fast = dict(lr_mult=10.0)
optim_wrapper['paramwise_cfg'].update(
    custom_keys={name: fast for name in ('message', 'temporal', 'patch_projection', 'prompts')}
)
train_cfg.update(max_epochs=30)
auto_scale_lr.update(base_batch_size=256)
