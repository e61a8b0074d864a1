# How the clips of the mini benchmark are read: 4 frames of 40 pixels. Short clips decode faster with PyAV than with decord.
from mplug2.datasets.transforms import LoadVideo, Resize
from mplug2.text import BertTokenizer

tokenizer = dict(type=BertTokenizer, vocab='mini')
read = [dict(type=LoadVideo, num_frames=4, backend='pyav'), dict(type=Resize, size=40, interpolation='area')]
batches = dict(batch_size=32, num_workers=2)
# The words of each kind of fact that captions state, for counting them.
fact_words = dict(
    colour=['red', 'yellow', 'green', 'blue', 'purple', 'pink', 'black', 'orange'],
    motion=['moves', 'grows', 'shrinks', 'appears', 'stays', 'left', 'right', 'up', 'down', 'slowly', 'quickly'],
    digit=['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'],
)
