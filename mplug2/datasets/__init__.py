"""Benchmarks, one class each, reading their official files."""

from .base import CaptionDataset, MultiModalDataset
from .coco import CocoCaption
from .collate import multimodal_collate
from .corpus import TextCorpus
from .didemo import DiDeMoParagraph
from .errors import AnnotationError, BadSampleError, BadSamples, TooManyBadSamples
from .flickr import Flickr30K
from .gigaword import Gigaword
from .glue import GLUE, GLUE_TASKS
from .imagenet import ImageNet, ImageNetVariants
from .interleave import InterleavedSources, InterleavingSampler, Schedule, source_collate
from .kinetics import Kinetics
from .lsmdc import LSMDC
from .msrvtt import MSRVTTQA, MSRVTTCaption, MSRVTTRetrieval
from .msvd import MSVDQA, MSVDCaption
from .nocaps import NoCaps
from .packing import PackedText
from .pixels import CIFAR10, CIFAR100, FashionMNIST, PixelDataset
from .refcoco import RefCOCO
from .sampler import Draw, ResumableSampler
from .shards import ShardedDataset, ShardedPairs, ShardSampler
from .squad import SQuAD
from .tgif import TGIFFrameQA
from .transfer import DTD, SUN397, Food101, ListedImages, StanfordCars
from .video_qa import VideoQADataset
from .vqa import VisualGenomeQA, VQAv2

__all__ = [
    'CIFAR10',
    'CIFAR100',
    'DTD',
    'GLUE',
    'GLUE_TASKS',
    'LSMDC',
    'MSRVTTQA',
    'MSVDQA',
    'SUN397',
    'AnnotationError',
    'BadSampleError',
    'BadSamples',
    'CaptionDataset',
    'CocoCaption',
    'DiDeMoParagraph',
    'Draw',
    'FashionMNIST',
    'Flickr30K',
    'Food101',
    'Gigaword',
    'ImageNet',
    'ImageNetVariants',
    'InterleavedSources',
    'InterleavingSampler',
    'Kinetics',
    'ListedImages',
    'MSRVTTCaption',
    'MSRVTTRetrieval',
    'MSVDCaption',
    'MultiModalDataset',
    'NoCaps',
    'PackedText',
    'PixelDataset',
    'RefCOCO',
    'ResumableSampler',
    'SQuAD',
    'Schedule',
    'ShardSampler',
    'ShardedDataset',
    'ShardedPairs',
    'StanfordCars',
    'TGIFFrameQA',
    'TextCorpus',
    'TooManyBadSamples',
    'VQAv2',
    'VideoQADataset',
    'VisualGenomeQA',
    'multimodal_collate',
    'source_collate',
]
