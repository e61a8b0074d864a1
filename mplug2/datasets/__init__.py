"""Benchmarks, one class each, reading their official files."""

from .base import CaptionDataset, MultiModalDataset
from .coco import CocoCaption
from .collate import multimodal_collate
from .errors import AnnotationError, BadSampleError, BadSamples, TooManyBadSamples
from .msrvtt import MSRVTTQA, MSRVTTCaption, MSRVTTRetrieval
from .msvd import MSVDQA, MSVDCaption
from .refcoco import RefCOCO
from .sampler import Draw, ResumableSampler
from .video_qa import VideoQADataset
from .vqa import VQAv2

__all__ = [
    'MSRVTTQA',
    'MSVDQA',
    'AnnotationError',
    'BadSampleError',
    'BadSamples',
    'CaptionDataset',
    'CocoCaption',
    'Draw',
    'MSRVTTCaption',
    'MSRVTTRetrieval',
    'MSVDCaption',
    'MultiModalDataset',
    'RefCOCO',
    'ResumableSampler',
    'TooManyBadSamples',
    'VQAv2',
    'VideoQADataset',
    'multimodal_collate',
]
