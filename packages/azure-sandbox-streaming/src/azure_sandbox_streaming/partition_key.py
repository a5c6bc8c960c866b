"""Which partition a key belongs to: Bob Jenkins' lookup3, as Event Hubs' own clients compute it.

Source: azure-sdk-for-net, Azure.Messaging.EventHubs/src/Core/PartitionResolver.cs
"""

import struct

MASK = 0xFFFFFFFF


def partition_of(key: str, partitions: int) -> int:
    first, second = _lookup3(key.encode())
    low = (first ^ second) & 0xFFFF
    signed = low - 0x10000 if low & 0x8000 else low
    return abs(signed) % partitions


def _lookup3(data: bytes) -> tuple[int, int]:
    a = b = c = (0xDEADBEEF + len(data)) & MASK
    while len(data) > 12:
        x, y, z = struct.unpack_from("<III", data)
        a, b, c = _mix((a + x) & MASK, (b + y) & MASK, (c + z) & MASK)
        data = data[12:]
    if not data:
        return c, b
    x, y, z = struct.unpack("<III", data.ljust(12, b"\0"))
    return _final((a + x) & MASK, (b + y) & MASK, (c + z) & MASK)


def _turn(value: int, by: int) -> int:
    return (value << by | value >> 32 - by) & MASK


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for by in (4, 6, 8, 16, 19, 4):
        a = (a - c & MASK) ^ _turn(c, by)
        c = c + b & MASK
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> tuple[int, int]:
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = (c ^ b) - _turn(b, by) & MASK
        a, b, c = b, c, a
    # seven turns of three values: the last one that changed stands in b
    return b, a
