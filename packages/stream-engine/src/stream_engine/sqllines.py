"""What DuckDB does not tell of JSON-lines files: how many lines and bytes, and numbers it reads though they are none.

DuckDB takes NaN, Infinity and integers beyond 64 bits for numbers. An event that holds one, in whatever field, cannot
be deserialised: see `values.load_json`. Source: Microsoft's language reference, Data Types (a bigint out of range fails
as InputDeserializationError).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from .sqltext import NotInSql

if TYPE_CHECKING:
    import numpy

_chunk = 1 << 17
# So much of the chunk before is looked at again: a number may begin there.
_carried = 64
_no_number = re.compile(rb"[:,\[]\s*-?(?:NaN|Infinity|(\d{19,}+)(?![.eE]))")


def count_lines(path: Path) -> tuple[int, int]:
    """The lines of a file that are not blank, and their bytes without line ends.

    Raises NotInSql when a line surely is no event, though DuckDB reads it as one.
    """
    try:
        import numpy
    except ImportError:
        return _count_slowly(path)
    buffer = bytearray(_carried + _chunk)
    codes = numpy.frombuffer(buffer, numpy.uint8)
    ends = opened = size = 0
    last = 10
    with path.open("rb", buffering=0) as file:
        while length := file.readinto(memoryview(buffer)[_carried:]):
            until = _carried + length
            # A line that starts with an object is not blank; any other one, and a CR, are looked at more closely.
            if buffer.find(b"\r", _carried, until) >= 0:
                return _count_slowly(path)
            chunk = codes[_carried:until]
            ended, opens = chunk == 10, chunk == 123
            ends += int(numpy.count_nonzero(ended))
            opened += int(numpy.count_nonzero(ended[:-1] & opens[1:])) + int(last == 10 and opens[0])
            size, last = size + length, int(chunk[-1])
            if _suspicious(buffer, codes[:until]):
                _check(bytes(buffer[:until]))
            buffer[:_carried] = buffer[until - _carried : until]
    lines = ends + (last != 10)
    return (lines, size - ends) if opened == lines else _count_slowly(path)


def _suspicious(buffer: bytearray, codes: numpy.ndarray) -> bool:
    """Whether there may be a number that is none: found in a fraction of the time of a regular expression."""
    for letter, word in ((b"N", b"NaN"), (b"I", b"Infinity")):
        if buffer.find(letter, 0, len(codes)) >= 0 and buffer.find(word, 0, len(codes)) >= 0:
            return True
    digits = (codes[: len(codes) // 4 * 4] - 48) < 10
    # Nineteen digits fill four aligned groups of four, fifteen never do.
    fours = digits.view("uint32") == 0x01010101
    pairs = fours[:-1] & fours[1:]
    if not (pairs[:-2] & pairs[2:]).any():
        return False
    for shift in (1, 2, 4, 8, 3):
        digits = digits[:-shift] & digits[shift:]
    # Nineteen digits are within 64 bits unless they begin with a 9; twenty are not.
    starts = digits.nonzero()[0]
    return bool((codes[starts] == 57).any() or (starts[1:] - starts[:-1] == 1).any())


def _check(content: bytes) -> None:
    for found in _no_number.finditer(content):
        digits = found.group(1)
        if digits is None or int(digits) >= 2**63:
            raise NotInSql(f"no number: {found.group()[1:40]!r}")


def _count_slowly(path: Path) -> tuple[int, int]:
    lines = size = 0
    with path.open("rb") as file:
        for line in file:
            _check(line)
            if line.strip():
                lines, size = lines + 1, size + len(line.rstrip(b"\r\n"))
    return lines, size
