# Tux Paint's captioned stamps as docs/results/real_images.md prepares them, read at 112 pixels.
from mplug2.datasets import CocoCaption
from mplug2.datasets.transforms import LoadImage, RandomResizedCrop, Resize
from mplug2.text import BertTokenizer

data_root = 'data/stamps'
images = dict(type=CocoCaption, ann_file=f'{data_root}/annotations/dataset_coco.json', data_prefix=data_root)
tokenizer = dict(type=BertTokenizer)
# No mirroring: many stamps are letters and signs.
read_train = [dict(type=LoadImage), dict(type=RandomResizedCrop, size=112, scale=(0.6, 1.0), interpolation='area')]
read_test = [dict(type=LoadImage), dict(type=Resize, size=112, interpolation='area')]
