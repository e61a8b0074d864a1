"""What a batch is divided into: a shard, or some files of a folder. A part is read, computed and written as a whole.

PyTorch, which the data sets import, is left to the processes that work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

FILES = 256  # of a part


class Part(NamedTuple):
    """name: of its results, without a suffix. shard: a tar file, or ''. files: keys and paths, of a part without a shard."""

    name: str
    shard: str = ''
    files: tuple[tuple[str, str], ...] = ()


class Sample(NamedTuple):
    """key: unique in the batch. content: bytes of the media, or its path. error: why it cannot be read, or ''."""

    key: str
    content: bytes | str
    error: str = ''


def parts_of(inputs: Sequence[str]) -> list[Part]:
    """Divide inputs: tar files, patterns of them (``{00000..00099}.tar``), folders of tar files or of media, and media.

    A folder that holds tar files is taken for these. Keys of files are their paths below the folder.

    Raises:
        FileNotFoundError: an input gives nothing. ValueError: two shards have one name, or two inputs one file.
    """
    from ..apis.inputs import files_of
    from ..datasets.shards.files import expand, is_remote

    shards: list[str] = []
    files: list[tuple[str, str]] = []
    for text in inputs:
        folder = not is_remote(text) and Path(text).is_dir()
        if folder and not any(Path(text).glob('*.tar')):
            files += [(Path(path).relative_to(text).as_posix(), path) for path in files_of(text)]
        elif folder or text.endswith('.tar'):
            shards += expand(text)
        else:
            files.append((Path(text).name, text))
    parts = [Part(Path(shard).stem, shard) for shard in shards]
    parts += [
        Part(f'files-{start // FILES:05d}', files=tuple(files[start : start + FILES])) for start in range(0, len(files), FILES)
    ]
    for what, names in (('parts', [part.name for part in parts]), ('files', [key for key, _ in files])):
        twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
        if twice is not None:
            raise ValueError(
                f'two {what} are called {twice!r}, and results are known by that: give them in batches of their own'
            )
    return parts


def samples_of(part: Part, index_dir: str | Path | None = None) -> Iterator[Sample]:
    """The samples of a part, in order, read one by one.

    Args:
        index_dir: where the index of a shard behind a URL is kept.
    """
    from ..datasets.io.bad_samples import BadSampleError
    from ..datasets.io.files import SUFFIXES
    from ..datasets.shards.files import RangeReader
    from ..datasets.shards.index import load_index, read_members

    if not part.shard:
        yield from (Sample(key, path) for key, path in part.files)
        return
    known = [suffix for kind in SUFFIXES.values() for suffix in kind]
    index = load_index(part.shard, index_dir)
    reader, seen = RangeReader(), set()
    for number in range(len(index.starts) - 1):
        key = f'#{number}'  # of a sample whose own cannot be read
        try:
            content = reader.read(part.shard, *map(int, index.starts[number : number + 2]))
            key, members = read_members(content, f'{part.shard}: sample {number}')
            suffix = next((suffix for suffix in known if suffix in members), None)
            if suffix is None:
                raise BadSampleError(f'{part.shard}/{key}: no image or video among its parts, which are {", ".join(members)}')
            if key in seen:
                raise BadSampleError(f'{part.shard}/{key}: the key is there twice; its first sample counts')
        except (BadSampleError, OSError) as error:
            yield Sample(f'{part.name}/{key}#{number}' if key in seen else f'{part.name}/{key}', b'', str(error))
            continue
        seen.add(key)
        yield Sample(f'{part.name}/{key}', members[suffix])
    if index.problem:
        yield Sample(f'{part.name}/#end', b'', index.problem)
