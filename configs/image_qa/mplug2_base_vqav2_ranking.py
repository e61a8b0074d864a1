# The same, choosing among the answers that at least nine training questions have, which
# tools/data/answer_list.py image_qa/mplug2_base_vqav2 data/vqa/answers.json --least 9 writes.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_vqav2 import *

model['tasks']['question_answering'].update(answers='data/vqa/answers.json')
