"""Benchmarks, one class each, reading their official files."""

from .base import CaptionDataset, MultiModalDataset
from .benchmarks.image.cifar_mnist import CIFAR10, CIFAR100, FashionMNIST, PixelDataset
from .benchmarks.image.imagenet import ImageNet, ImageNetVariants
from .benchmarks.image.listed_images import DTD, SUN397, Food101, ListedImages, StanfordCars
from .benchmarks.image_text.coco import CocoCaption
from .benchmarks.image_text.flickr import Flickr30K
from .benchmarks.image_text.nocaps import NoCaps
from .benchmarks.image_text.refcoco import RefCOCO
from .benchmarks.image_text.vqa import VisualGenomeQA, VQAv2
from .benchmarks.text.corpus import TextCorpus
from .benchmarks.text.gigaword import Gigaword
from .benchmarks.text.glue import GLUE, GLUE_TASKS
from .benchmarks.text.squad import SQuAD
from .benchmarks.video.kinetics import Kinetics
from .benchmarks.video_text.didemo import DiDeMoParagraph
from .benchmarks.video_text.lsmdc import LSMDC
from .benchmarks.video_text.msrvtt import MSRVTTQA, MSRVTTCaption, MSRVTTRetrieval
from .benchmarks.video_text.msvd import MSVDQA, MSVDCaption
from .benchmarks.video_text.tgif import TGIFFrameQA
from .benchmarks.video_text.video_qa import VideoQADataset
from .collate import multimodal_collate
from .io.bad_samples import AnnotationError, BadSampleError, BadSamples, TooManyBadSamples
from .own import JsonlDataset
from .sampling.mixture import InterleavedSources, InterleavingSampler, Schedule, source_collate
from .sampling.sampler import ResumableSampler, StreamIndex
from .shards.dataset import ShardedDataset, ShardedPairs, ShardSampler
from .shards.packed_text import PackedText

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
    'FashionMNIST',
    'Flickr30K',
    'Food101',
    'Gigaword',
    'ImageNet',
    'ImageNetVariants',
    'InterleavedSources',
    'InterleavingSampler',
    'JsonlDataset',
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
    'StreamIndex',
    'TGIFFrameQA',
    'TextCorpus',
    'TooManyBadSamples',
    'VQAv2',
    'VideoQADataset',
    'VisualGenomeQA',
    'multimodal_collate',
    'source_collate',
]
