# BLIP ViT-B/16, COCO captions (Karpathy) after "a picture of": 5 epochs of cross-entropy at 1e-5, 256 captions a step.
from mmengine.config import read_base

from mplug2.checkpoints import ForeignWeights
from mplug2.tasks import Captioning

with read_base():
    from mplug2.configs._base_.default_runtime import *
    from mplug2.configs._base_.schedules.finetune import *
    from mplug2.configs._base_.datasets.coco_caption import *
    from ._vit_b16 import *

generation = dict(num_beams=3, min_length=5, max_length=20)
model['tasks'] = dict(
    captioning=dict(type=Captioning, media='image', condition='vision', prompt='a picture of', generation=generation)
)
model['init_cfg'] = dict(type=ForeignWeights, source='weights/model_base.pth')
target.update(tokenizer=tokenizer, prompt='a picture of')
train_dataloader['dataset'].update(pipeline=[*read_train, target, dict(type=PackInputs)])
for loader in (val_dataloader, test_dataloader):
    loader['dataset'].update(pipeline=[*read_test, scored])
del loader
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=5, val_interval=2214)
auto_scale_lr.update(base_batch_size=256)
default_hooks['checkpoint'].update(save_best='CIDEr-D')
