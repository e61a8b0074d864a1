"""What can be asked of a network: one file a family of tasks, each task a row of Table 2."""

from .base import Task
from .captioning import Captioning
from .grounding import Grounding
from .question_answering import QuestionAnswering
from .retrieval import Retrieval
from .self_critical import SelfCriticalCaptioning
from .spec import INPUTS, MODULES, TaskSpec, vision_spec

__all__ = [
    'INPUTS',
    'MODULES',
    'Captioning',
    'Grounding',
    'QuestionAnswering',
    'Retrieval',
    'SelfCriticalCaptioning',
    'Task',
    'TaskSpec',
    'vision_spec',
]
