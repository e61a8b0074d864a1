"""Lists of class names."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

_SYNSET = re.compile(r'^n\d{8} ')


def read_synsets(path: str | Path) -> dict[str, str]:
    """Synset id -> name of its class, in the order of the labels, from ImageNet's ``LOC_synset_mapping.txt``.

    The first of a line's names is the class's. Where several lines begin with it, in any case (crane, a bird and a
    machine; Cardigan, a corgi, and cardigan), it is the line's first two, or the name and the synset id if they are not unique.

    Raises:
        FileNotFoundError: no such file. ValueError: a line is not a synset id with names, or repeats one.
    """
    lines = {}
    for number, line in enumerate(_lines(path), start=1):
        if not _SYNSET.match(line):
            raise ValueError(f"{path}: line {number} is {line!r}; expected a synset id and its names, as 'n01440764 tench'")
        synset, names = line.split(' ', 1)
        if synset in lines:
            raise ValueError(f'{path}: line {number} names the class {synset!r} once more')
        lines[synset] = [name.strip() for name in names.split(',')]
    names_of = {synset: names[0] for synset, names in lines.items()}
    names_of |= {synset: ', '.join(lines[synset][:2]) for synset in _ambiguous(names_of)}
    names_of |= {synset: f'{lines[synset][0]} {synset}' for synset in _ambiguous(names_of)}
    return names_of


def read_class_folders(path: str | Path) -> list[str]:
    """Folders of classes in the order of their labels: the synset ids of ``LOC_synset_mapping.txt``, or one name a line.

    Raises:
        FileNotFoundError: no such file. ValueError: it is empty, or names a folder twice.
    """
    lines = _lines(path)
    if not lines:
        raise ValueError(f'{path}: expected names of class folders, one a line, but it is empty')
    folders = list(read_synsets(path)) if _SYNSET.match(lines[0]) else lines
    repeated = [folder for folder, count in Counter(folders).items() if count > 1]
    if repeated:
        raise ValueError(f'{path}: names the class {repeated[0]!r} more than once')
    return folders


def _ambiguous(names: dict[str, str]) -> list[str]:
    """Keys whose name another key has too, ignoring case."""
    counts = Counter(name.lower() for name in names.values())
    return [key for key, name in names.items() if counts[name.lower()] > 1]


def read_class_names(path: str | Path) -> list[str]:
    """Names of classes in the order of their labels: one a line, or ImageNet's ``LOC_synset_mapping.txt``.

    Underscores become blanks, as in the class folders of Food-101 and SUN397.

    Raises:
        FileNotFoundError: no such file. ValueError: it is empty.
    """
    lines = _lines(path)
    if not lines:
        raise ValueError(f'{path}: expected names of classes, one a line, but it is empty')
    names = list(read_synsets(path).values()) if _SYNSET.match(lines[0]) else lines
    return [name.replace('_', ' ') for name in names]


def _lines(path: str | Path) -> list[str]:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no list of class names {path}')
    try:
        text = path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not UTF-8: {error}') from None
    return [line.strip() for line in text.split('\n') if line.strip()]
