"""The files of a job and how they are cut into mini-batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class InputError(ValueError):
    """The input cannot be read, or holds no file."""


@dataclass(frozen=True, kw_only=True)
class MiniBatch:
    """One call of run(): `files` are absolute paths. `id` counts from 0 in input order."""

    id: int
    files: tuple[str, ...]

    def __str__(self) -> str:
        names = [Path(file).name for file in self.files]
        shown = ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} … {names[-1]}"
        return f"mini-batch {self.id} ({len(names)} {'file' if len(names) == 1 else 'files'}: {shown})"


@dataclass(frozen=True, kw_only=True)
class Files:
    """The input files in a stable order (given order of inputs, by name inside a folder), and the folders skipped."""

    files: tuple[str, ...]
    nested: tuple[str, ...]


def list_files(inputs: Sequence[Path]) -> Files:
    """Files given, and files directly inside folders given: the service does not explore nested folders.

    Zero-byte files count like all others. Raises InputError when an input does not exist or no file is found.
    """
    files: list[str] = []
    nested: list[str] = []
    for given in inputs:
        path = Path(given).absolute()
        if path.is_file():
            files.append(str(path))
        elif path.is_dir():
            entries = sorted(path.iterdir())
            files += [str(entry) for entry in entries if entry.is_file()]
            nested += [str(entry) for entry in entries if entry.is_dir()]
        else:
            raise InputError(f"input {path} does not exist: expected a file, or a folder with files")
    if not files:
        places = ", ".join(str(given) for given in inputs) or "no path given"
        hint = f"; nested folders are not explored: {', '.join(nested)}" if nested else ""
        raise InputError(f"no input file found in {places}{hint}")
    return Files(files=tuple(files), nested=tuple(nested))


def cut(files: Sequence[str], size: int) -> tuple[MiniBatch, ...]:
    """Mini-batches of `size` files each, the last one shorter: by number of files, whatever their sizes."""
    starts = range(0, len(files), size)
    return tuple(MiniBatch(id=index, files=tuple(files[at : at + size])) for index, at in enumerate(starts))
