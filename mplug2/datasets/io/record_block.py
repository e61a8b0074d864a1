"""Records in one block of bytes."""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Iterable, Iterator


class RecordBlock:
    """A sequence of records, pickled one by one into a single block of bytes.

    Millions of dicts would take kilobytes each and be copied into every worker as their reference counts are touched. The block
    takes some hundred bytes a record, and workers that are forked share it.

    Args:
        records: read once, one at a time.
    """

    def __init__(self, records: Iterable[dict] = ()) -> None:
        self._bytes = bytearray()
        self._ends = array('q')
        for record in records:
            self._bytes += pickle.dumps(record, protocol=pickle.HIGHEST_PROTOCOL)
            self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> dict:
        """A copy of a record.

        Raises:
            IndexError: there is none of that number.
        """
        index = range(len(self))[index]
        start = self._ends[index - 1] if index else 0
        return pickle.loads(memoryview(self._bytes)[start : self._ends[index]])

    def __iter__(self) -> Iterator[dict]:
        return map(self.__getitem__, range(len(self)))
