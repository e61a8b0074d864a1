# ALBEF, grounding by where matching looks: images and phrases of the mini benchmark, without their boxes.
from mmengine.config import read_base

from mplug2.datasets.transforms import AddMediaId, PackInputs
from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.projects.albef import GradCamGrounding

with read_base():
    from mplug2.configs.mini.visual_grounding import *
    from ._mini import *

model['network'] = network
model['tasks'] = dict(
    grounding=dict(
        type=GradCamGrounding,
        layer=1,
        projection_dim=128,
        contrastive=dict(type=MomentumContrast, momentum=0.99, queue_size=2048, distill_alpha=0.2),
        matching=dict(type=HardNegativeMatching),
    )
)
pack = dict(type=PackInputs, inputs=['media_id'])
train_dataloader['dataset'].update(pipeline=[*read, dict(type=AddMediaId), words, pack])
for loader in (val_dataloader, test_dataloader):
    loader['dataset'].update(pipeline=[*read, words, boxes, dict(type=PackInputs, fields=['phrase', 'box'])])
del loader
