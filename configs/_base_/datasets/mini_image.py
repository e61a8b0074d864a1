# How the images of the mini benchmark are read: 40 pixels.
from mplug2.datasets.transforms import LoadImage, Resize
from mplug2.text import BertTokenizer

tokenizer = dict(type=BertTokenizer, vocab='mini')
read = [dict(type=LoadImage), dict(type=Resize, size=40, interpolation='area')]
batches = dict(batch_size=32, num_workers=2)
