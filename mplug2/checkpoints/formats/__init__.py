"""One adapter for each foreign weight format."""

from ...registry import WEIGHT_FORMATS
from .adapter import Adapter


def formats() -> list[type[Adapter]]:
    """The registered formats in the order of recognition: the last registered first, so those of plug-ins before ours."""
    WEIGHT_FORMATS.import_from_location()
    return list(reversed(WEIGHT_FORMATS.module_dict.values()))
