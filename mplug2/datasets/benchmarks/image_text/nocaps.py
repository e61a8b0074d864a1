"""NoCaps: captions of images with objects that COCO's captions lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import KEY, read_json, rows, section
from ...io.bad_samples import AnnotationError

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark


@DATASETS.register_module()
class NoCaps(MultiModalDataset):
    """NoCaps, for tests only, from the official ``nocaps_val_4500_captions.json`` or ``nocaps_test_image_info.json``.

    Images (of Open Images) are ``data_prefix/0013ea2087020901.jpg``. Fields: ``image_id``, the id of the evaluation server;
    ``domain`` ('in-domain', 'near-domain', 'out-domain'; None if the file has none); ``captions``, empty in
    the test split.

    Args:
        ann_file: of a split. kwargs: of `MultiModalDataset`.
    """

    PUBLISHED = {'nocaps_val_4500_captions': 4_500, 'nocaps_test_image_info': 10_600}

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

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        images, annotations = [], []
        for image in mini.coco:
            if image['split'] == 'test':
                number, name = image['cocoid'], f'{image["filepath"]}/{image["filename"]}'
                images.append(dict(id=number, file_name=name, domain=('in-domain', 'out-domain')[number % 2]))
                annotations += [dict(image_id=number, caption=sentence['raw']) for sentence in image['sentences']]
        file = mini.write('nocaps_val.json', dict(images=images, annotations=annotations))
        return dict(ann_file=file, data_prefix=mini.path('coco'))
