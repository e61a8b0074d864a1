"""What can be asked of a network: one file a family of tasks, each task a row of Table 2."""

from .base import Task
from .captioning import Captioning
from .classification import Classification, ZeroShotClassification
from .generative import GenerativeTask, TextGenerator
from .grounding import Grounding
from .inputs import InputKind
from .pretraining import MaskedLanguageModeling, TextCompletion
from .question_answering import QuestionAnswering
from .retrieval import Retrieval
from .spec import INPUTS, TaskSpec, vision_spec
from .summarization import Summarization
from .text_classification import TextClassification
from .text_qa import TextQA

__all__ = [
    'INPUTS',
    'Captioning',
    'Classification',
    'GenerativeTask',
    'Grounding',
    'InputKind',
    'MaskedLanguageModeling',
    'QuestionAnswering',
    'Retrieval',
    'Summarization',
    'Task',
    'TaskSpec',
    'TextClassification',
    'TextCompletion',
    'TextGenerator',
    'TextQA',
    'ZeroShotClassification',
    'vision_spec',
]
