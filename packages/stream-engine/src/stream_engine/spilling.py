"""Sorts more entries than memory holds: sorted runs go to a temporary file and are merged as they are taken."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections import deque
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import IO, Any
from weakref import finalize

forever = 2**63 - 1
# Entries in memory before they become a run, in a block of a run, and looked at ahead.
_most, _block, _ahead = 20_000, 200, 1000
Entry = tuple[Any, ...]
# Start and size of each block in the file.
Run = list[tuple[int, int]]


class Sorted:
    """Entries in order of their first parts, which must not all be equal. Add all of them, then take them."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._runs: list[Run] = []
        self._merged: Iterator[Entry] | None = None
        self._next: deque[Entry] = deque()

    def add(self, entry: Entry) -> None:
        if self._merged is not None:
            raise ValueError("entries are being taken already: nothing can be added")
        self._entries.append(entry)
        if len(self._entries) >= _most:
            self._spill()

    def horizon(self) -> Any:
        """A first part up to which taking needs little memory; `forever` when what is left does."""
        while True:
            ahead = self._next
            if len(ahead) >= _ahead and ahead[-1][0] > ahead[0][0]:
                return ahead[-1][0]
            if not self._look_ahead():
                return forever

    def take(self, until: Any = None) -> Iterator[Entry]:
        """The entries that are left whose first part is before `until`, or all, in order."""
        while self._next or self._look_ahead():
            if until is not None and self._next[0][0] >= until:
                return
            yield self._next.popleft()

    def _look_ahead(self) -> bool:
        if self._merged is None:
            self._entries.sort()
            self._merged = heapq.merge(*map(self._read, self._runs), self._entries)
        before = len(self._next)
        self._next.extend(islice(self._merged, _ahead))
        return len(self._next) > before

    def _spill(self) -> None:
        self._entries.sort()
        file = self._file
        blocks = []
        for first in range(0, len(self._entries), _block):
            start = file.tell()
            pickle.dump(self._entries[first : first + _block], file, pickle.HIGHEST_PROTOCOL)
            blocks.append((start, file.tell() - start))
        self._runs.append(blocks)
        self._entries = []

    def _read(self, run: Run) -> Iterator[Entry]:
        for start, size in run:
            self._file.seek(start)
            yield from pickle.loads(self._file.read(size))  # noqa: S301 - written above, in a file without a name

    @cached_property
    def _file(self) -> IO[bytes]:
        file = tempfile.TemporaryFile(prefix="stream-engine-")  # noqa: SIM115 - open for as long as this is used
        finalize(self, file.close)
        return file
