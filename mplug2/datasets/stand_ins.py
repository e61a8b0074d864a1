"""The mini benchmark's files, for data sets that it stands in for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..text.class_names import read_class_names, read_synsets
from ..utils.files import place_file, replace_file
from .benchmarks.image.imagenet import images_by_class
from .io.annotations import read_json

COUNT = 24  # images of a split


class MiniBenchmark:
    """The mini benchmark on a disk, where files in the format of further benchmarks are written too, under ``tiny``.

    Several processes may write the same at the same time.

    Args:
        root: its folder.
    """

    def __init__(self, root: str | Path) -> None:
        self.root, self.written = Path(root), Path(root) / 'tiny'

    def path(self, name: str = '') -> str:
        """Of one of its files or folders."""
        return str(self.root / name)

    def write(self, name: str, content: Any) -> str:
        """The path of a file under ``tiny`` with a content: bytes, a text, or what becomes JSON."""
        path = self.written / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, (str, bytes)) else json.dumps(content)
        replace_file(path, lambda file: file.write(text.encode() if isinstance(text, str) else text))
        return str(path)

    def link(self, name: str, source: str | Path) -> None:
        """Link a file under ``tiny`` to one of the benchmark, unless an earlier run or another process did."""
        place_file(Path(source).resolve(), self.written / name)

    @property
    def coco(self) -> list[dict]:
        """Images as Karpathy's file of COCO has them."""
        return read_json(self.root / 'coco/annotations/dataset_coco.json')['images']

    @property
    def synsets(self) -> str:
        """Path of ImageNet's synset file."""
        return self.path('imagenet/LOC_synset_mapping.txt')

    @property
    def synset_ids(self) -> list[str]:
        return list(read_synsets(self.synsets))

    @property
    def class_names(self) -> list[str]:
        return read_class_names(self.synsets)

    def labelled_images(self, part: str) -> list[tuple[int, Path]]:
        """Label and file of some images of a split of ImageNet, all classes in turn."""
        folder, synsets = self.root / 'imagenet' / part, self.synset_ids
        images = [(synsets.index(synset), folder / path) for synset, path in images_by_class(folder, synsets)]
        return images[:: max(1, len(images) // COUNT)][:COUNT]

    def clip_captions(self, train: bool) -> Iterator[tuple[str, str]]:
        """Names (of ``msrvtt/videos``) and captions of clips."""
        info = read_json(self.root / f'msrvtt/{"train_val" if train else "test"}_videodatainfo.json')
        for sentence in info['sentences']:
            yield sentence['video_id'], sentence['caption']
