"""The output file of a job with output_action AppendRow: complete, in order of mini-batches, or not there at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO

_CHUNK = 1 << 20


class OutputExistsError(FileExistsError):
    """Azure never overwrites an output file."""


def refuse_existing(folder: Path, file_name: str) -> None:
    """Raises OutputExistsError when the job's output file is there already, whatever the output action."""
    target = folder / file_name
    if os.path.lexists(target):
        raise OutputExistsError(f"Output already exists: {target}")


class AppendedRows:
    """Collects the rows of mini-batches in an unnamed file, and writes `output_file_name` once, when all are there.

    The service appends rows in no guaranteed order; here they stand in order of mini-batches, so two runs of a
    deterministic script write the same bytes. A mini-batch that was tried again contributes the rows of its one
    successful attempt. A failed or interrupted job writes nothing.
    """

    def __init__(self, folder: Path, file_name: str) -> None:
        self._target = folder / file_name
        self._parts: dict[int, tuple[int, int]] = {}
        # Unnamed where the platform allows it: gone with the process, even after kill -9.
        self._spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed in __exit__

    def __enter__(self) -> AppendedRows:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError):  # on a full disk closing fails once more; nothing in here is needed then
            self._spool.close()

    def add(self, mini_batch: int, rows: str) -> None:
        """Keeps the rows that run() returned for one mini-batch."""
        data = rows.encode("utf-8", errors="backslashreplace")
        start = self._spool.seek(0, os.SEEK_END)
        self._spool.write(data)
        self._spool.flush()
        self._parts[mini_batch] = (start, len(data))

    def commit(self) -> Path:
        """Writes the output file under a temporary name, then renames it. Raises OutputExistsError, OSError."""
        refuse_existing(self._target.parent, self._target.name)
        temporary = self._target.with_name(f".{self._target.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                for _, (start, length) in sorted(self._parts.items()):
                    self._spool.seek(start)
                    _copy(self._spool, file, length)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return self._target


def _copy(source: IO[bytes], target: IO[bytes], length: int) -> None:
    while length > 0:
        chunk = source.read(min(length, _CHUNK))
        target.write(chunk)
        length -= len(chunk)
