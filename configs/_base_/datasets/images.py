# How the images of benchmarks are read: as stored, whatever EXIF says, as published code does.
# 336 pixels; random crops of at least half the image and flips in training, the centre in tests.
from mplug2.datasets.transforms import CenterCrop, HorizontalFlip, LoadImage, RandomResizedCrop, ResizeShorter
from mplug2.text import BertTokenizer

tokenizer = dict(type=BertTokenizer)
read_train = [
    dict(type=LoadImage, orient=False),
    dict(type=RandomResizedCrop, size=336, scale=(0.5, 1.0), interpolation='bicubic'),
    dict(type=HorizontalFlip, prob=0.5),
]
read_test = [dict(type=LoadImage, orient=False), dict(type=ResizeShorter, size=336), dict(type=CenterCrop, size=336)]
