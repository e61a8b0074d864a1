# How clips are read: 16 frames of 224 pixels, one of each of 16 equal parts; random crops of at least half the frame and flips
# in training; tests take the middle of each part and squash.
from mplug2.datasets.transforms import HorizontalFlip, LoadVideo, RandomResizedCrop, Resize
from mplug2.text import BertTokenizer

tokenizer = dict(type=BertTokenizer)
load = dict(type=LoadVideo, num_frames=16)
crop = dict(type=RandomResizedCrop, size=224, scale=(0.5, 1.0), interpolation='bicubic')
flip = dict(type=HorizontalFlip, prob=0.5)
squash = dict(type=Resize, size=224, interpolation='bicubic')
read_train = [load, crop, flip]
read_test = [load, squash]
read_as_published = [load, dict(squash, interpolation='nearest')]  # the published weights' tests
