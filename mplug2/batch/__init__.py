"""Batch inference over shards and folders: parts, what is written of each, and who works on them."""

from .engines import ENGINES, run_parts
from .parts import Part, parts_of, samples_of
from .results import FORMATS
from .work import Job, Report, prepare

__all__ = ['ENGINES', 'FORMATS', 'Job', 'Part', 'Report', 'parts_of', 'prepare', 'run_parts', 'samples_of']
