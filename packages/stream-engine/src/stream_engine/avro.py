"""Avro object container files, read and written with the standard library.

Source: Apache Avro 1.11 specification. Codecs: null, deflate and (by pyarrow) snappy.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_magic = b"Obj\x01"
_epoch = datetime(1970, 1, 1, tzinfo=UTC)
Read = Callable[[io.BytesIO], Any]


def read_avro(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file. Raises ValueError, naming the file, when it is no Avro or cut off."""
    with path.open("rb") as file:
        content = io.BytesIO(file.read())
    try:
        if content.read(4) != _magic:
            message = "it does not start as Avro does"
            raise ValueError(message)
        header = _map(_bytes)(content)
        sync = content.read(16)
        if len(sync) < 16:
            message = "it is cut off"
            raise ValueError(message)
        decode = _reader(json.loads(header["avro.schema"]), {})
        codec = header.get("avro.codec", b"null").decode()
        while content.tell() < len(content.getbuffer()):
            count, block = _long(content), _bytes(content)
            records = io.BytesIO(_decompress(block, codec))
            for _ in range(count):
                yield decode(records)
            if content.read(16) != sync:
                message = "a block does not end as it should"
                raise ValueError(message)
    except (ValueError, KeyError, IndexError, struct.error, zlib.error) as error:
        message = f"{path}: not a readable Avro file: {error}"
        raise ValueError(message) from error


def _decompress(block: bytes, codec: str) -> bytes:
    if codec == "null":
        return block
    if codec == "deflate":
        return zlib.decompress(block, -15)
    if codec == "snappy":
        import pyarrow

        size, shift, place = 0, 0, 0
        while True:
            byte = block[place]
            size |= (byte & 0x7F) << shift
            shift, place = shift + 7, place + 1
            if byte < 0x80:
                break
        # The last four bytes are a checksum.
        return pyarrow.decompress(block[:-4], size, "snappy", asbytes=True)
    message = f"expected the codec null, deflate or snappy, found {codec}"
    raise ValueError(message)


def _long(data: io.BytesIO) -> int:
    number = shift = 0
    while True:
        byte = data.read(1)[0]
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1)


def _bytes(data: io.BytesIO) -> bytes:
    size = _long(data)
    found = data.read(size)
    if len(found) < size:
        message = "it is cut off"
        raise ValueError(message)
    return found


def _map(read: Read) -> Read:
    def call(data: io.BytesIO) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (count := _long(data)) != 0:
            if count < 0:
                _long(data)
            for _ in range(abs(count)):
                name = _bytes(data).decode()
                found[name] = read(data)
        return found

    return call


def _array(read: Read) -> Read:
    def call(data: io.BytesIO) -> list[Any]:
        found: list[Any] = []
        while (count := _long(data)) != 0:
            if count < 0:
                _long(data)
            found += [read(data) for _ in range(abs(count))]
        return found

    return call


_primitives: dict[str, Read] = {
    "null": lambda _: None,
    "boolean": lambda data: data.read(1) == b"\x01",
    "int": _long,
    "long": _long,
    "float": lambda data: struct.unpack("<f", data.read(4))[0],
    "double": lambda data: struct.unpack("<d", data.read(8))[0],
    "bytes": _bytes,
    "string": lambda data: _bytes(data).decode(),
}
_moments = {"timestamp-millis": 1000, "timestamp-micros": 1}


def _reader(schema: Any, named: dict[str, Read]) -> Read:
    """What reads one value of a schema; `named` are the records, enums and fixeds met so far."""
    if isinstance(schema, list):
        branches = [_reader(each, named) for each in schema]
        return lambda data: branches[_long(data)](data)
    if isinstance(schema, str):
        return _primitives.get(schema) or (lambda data: named[schema](data))
    kind = schema["type"]
    if schema.get("logicalType") in _moments:
        scale = _moments[schema["logicalType"]]
        return lambda data: _epoch + timedelta(microseconds=_long(data) * scale)
    if kind == "record":
        fields: list[tuple[str, Read]] = []
        named[schema["name"]] = lambda data: {name: read(data) for name, read in fields}
        fields += [(field["name"], _reader(field["type"], named)) for field in schema["fields"]]
        return named[schema["name"]]
    if kind == "enum":
        symbols = schema["symbols"]
        named[schema["name"]] = lambda data: symbols[_long(data)]
        return named[schema["name"]]
    if kind == "fixed":
        size = schema["size"]
        named[schema["name"]] = lambda data: data.read(size)
        return named[schema["name"]]
    if kind == "array":
        return _array(_reader(schema["items"], named))
    if kind == "map":
        return _map(_reader(schema["values"], named))
    return _reader(kind, named)
