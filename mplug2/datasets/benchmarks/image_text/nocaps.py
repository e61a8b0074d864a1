"""NoCaps: captions of images with objects that COCO's captions lack."""

from __future__ import annotations

from typing import Any

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import KEY, read_json, rows, section
from ...io.bad_samples import AnnotationError


@DATASETS.register_module()
class NoCaps(MultiModalDataset):
    """NoCaps, to be tested on only, from the official ``nocaps_val_4500_captions.json`` or ``nocaps_test_image_info.json``.

    Images (of Open Images) lie as ``data_prefix/0013ea2087020901.jpg``. Fields: ``image_id``, by which the evaluation server
    knows them; ``domain`` ('in-domain', 'near-domain', 'out-domain'; None where the file does not say); ``captions``, empty for
    the test split.

    Args:
        ann_file: of a split. kwargs: of `MultiModalDataset`.
    """

    def __init__(self, ann_file: str, **kwargs: Any) -> None:
        self.ann_file = ann_file
        super().__init__(**kwargs)

    def load_records(self) -> list[dict]:
        content = read_json(self.ann_file)
        images = section(self.ann_file, content, 'images')
        captions: dict[int, list[str]] = {image: [] for (image,) in rows(self.ann_file, images, dict(id=KEY), 'images')}
        for image, caption in rows(
            self.ann_file, content.get('annotations', []), dict(image_id=KEY, caption=str), 'annotations'
        ):
            if image not in captions:
                raise AnnotationError(f'{self.ann_file}: a caption is about image {image}, which is not among the images')
            captions[image].append(caption.strip())
        return [
            dict(sample_id=image, media='image', path=name, image_id=image, captions=captions[image])
            | dict(domain=images[number].get('domain'))
            for number, (image, name) in enumerate(rows(self.ann_file, images, dict(id=KEY, file_name=str), 'images'))
        ]
