# ImageNet-1K's validation images and five variants of them, tested together (Table 13).
from mmengine.dataset import DefaultSampler

from mplug2.datasets import ImageNetVariants
from mplug2.datasets.transforms import CenterCrop, LoadImage, PackInputs, ResizeShorter
from mplug2.evaluation import RobustnessMetric

data_root = 'data'
validated = dict(folder='imagenet/val', solution=f'{data_root}/imagenet/LOC_val_solution.csv')
variants = {
    'IN-1K': validated,
    'IN-V2': dict(folder='imagenetv2/imagenetv2-matched-frequency-format-val', numbered=True),
    'IN-ReaL': dict(**validated, real=f'{data_root}/imagenet_real/real.json'),
    'IN-A': dict(folder='imagenet-a', num_classes=200),
    'IN-R': dict(folder='imagenet-r', num_classes=200),
    'IN-Sketch': dict(folder='sketch'),
}
load = dict(type=LoadImage, orient=False)
shorter = dict(type=ResizeShorter, size=256)
centre = dict(type=CenterCrop, size=224)
scored = dict(type=PackInputs, fields=['labels', 'variant'])
read_test = [load, shorter, centre]
test_dataloader = dict(
    batch_size=128,
    num_workers=8,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=ImageNetVariants,
        synsets=f'{data_root}/imagenet/LOC_synset_mapping.txt',
        variants=variants,
        data_prefix=data_root,
        test_mode=True,
        pipeline=[*read_test, scored],
    ),
)
test_evaluator = [dict(type=RobustnessMetric)]
