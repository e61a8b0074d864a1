"""Benchmarks, one class each, reading their official files."""

from .base import CaptionDataset, MultiModalDataset
from .coco import CocoCaption
from .collate import multimodal_collate
from .didemo import DiDeMoParagraph
from .errors import AnnotationError, BadSampleError, BadSamples, TooManyBadSamples
from .flickr import Flickr30K
from .gigaword import Gigaword
from .glue import GLUE, GLUE_TASKS
from .lsmdc import LSMDC
from .msrvtt import MSRVTTQA, MSRVTTCaption, MSRVTTRetrieval
from .msvd import MSVDQA, MSVDCaption
from .nocaps import NoCaps
from .refcoco import RefCOCO
from .sampler import Draw, ResumableSampler
from .squad import SQuAD
from .tgif import TGIFFrameQA
from .video_qa import VideoQADataset
from .vqa import VQAv2

__all__ = [
    'GLUE',
    'GLUE_TASKS',
    'LSMDC',
    'MSRVTTQA',
    'MSVDQA',
    'AnnotationError',
    'BadSampleError',
    'BadSamples',
    'CaptionDataset',
    'CocoCaption',
    'DiDeMoParagraph',
    'Draw',
    'Flickr30K',
    'Gigaword',
    'MSRVTTCaption',
    'MSRVTTRetrieval',
    'MSVDCaption',
    'MultiModalDataset',
    'NoCaps',
    'RefCOCO',
    'ResumableSampler',
    'SQuAD',
    'TGIFFrameQA',
    'TooManyBadSamples',
    'VQAv2',
    'VideoQADataset',
    'multimodal_collate',
]
