# IDEFICS 9B, COCO captions (Karpathy): the resampler and the gates learn, vision and language model keep their weights; 1 epoch
# at 1e-5, 256 captions a step, which no paper gives. Weights: a folder as on the hub (HuggingFaceM4/idefics-9b).
from mmengine.config import read_base

from mplug2.checkpoints import ForeignWeights
from mplug2.model import MPlug2
from mplug2.modules import DualVisionEncoder
from mplug2.projects.flamingo import GatedDecoder, PerceiverResampler
from mplug2.projects.git import GitNetwork
from mplug2.tasks import Captioning
from mplug2.text import FileTokenizer

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.coco_caption import *

weights = 'weights/idefics-9b'
around, image = 32000, 32001  # what the words around an image, and the image, are
llama = dict(model_type='llama', vocab_size=32002, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32)
llama.update(num_attention_heads=32, max_position_embeddings=2048, rms_norm_eps=1e-6)
vision = dict(image_size=224, patch_size=14, width=1280, num_layers=32, num_heads=16, ffn_dim=5120, activation='gelu')
tokenizer = dict(type=FileTokenizer, vocab=f'{weights}/tokenizer.json', start=around, end=2, pad=0, vocab_size=32002)
gates = dict(memory_width=1280, before=[1, around], after=[image], every=4, freeze_language=True)
model = dict(
    type=MPlug2,
    tokenizer=tokenizer,
    network=dict(
        type=GitNetwork,
        vision_encoder=dict(type=DualVisionEncoder, norm_output=False, position_resize='bicubic', **vision),
        projectors=dict(vision_decoder=dict(type=PerceiverResampler)),
        decoder=dict(type=GatedDecoder, model=llama, **gates),
    ),
    tasks=dict(captioning=dict(type=Captioning, media='image', condition='vision')),
    frozen=['vision_encoder'],
    init_cfg=dict(type=ForeignWeights, source=weights),
)
target.update(tokenizer=tokenizer)
train_dataloader['dataset'].update(pipeline=[*read_train, target, dict(type=PackInputs)])
for loader in (val_dataloader, test_dataloader):
    loader['dataset'].update(pipeline=[*read_test, scored])
for loader in (train_dataloader, val_dataloader, test_dataloader):
    for step in loader['dataset']['pipeline']:
        if 'size' in step:
            step.update(size=224)
del loader, step
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=1, val_interval=2214)
auto_scale_lr.update(base_batch_size=256)
default_hooks['checkpoint'].update(save_best='CIDEr-D')
