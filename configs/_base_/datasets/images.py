# How the images of benchmarks are read: as stored, whatever EXIF says, as published code does.
# 336 pixels; random crops of at least half the image and flips in training, the centre in tests.
from mplug2.datasets.transforms import CenterCrop, HorizontalFlip, LoadImage, RandomResizedCrop, ResizeShorter
from mplug2.text import BertTokenizer

tokenizer = dict(type=BertTokenizer)
load = dict(type=LoadImage, orient=False)
crop = dict(type=RandomResizedCrop, size=336, scale=(0.5, 1.0), interpolation='bicubic')
flip = dict(type=HorizontalFlip, prob=0.5)
shorter = dict(type=ResizeShorter, size=336)
centre = dict(type=CenterCrop, size=336)
read_train = [load, crop, flip]
read_test = [load, shorter, centre]
