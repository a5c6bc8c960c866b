"""Windows of time. Each is open at its start and closed at its end, which is its rows' System.Timestamp().

Windows are aligned to the zeroth hour; the engine counts from 0001-01-01T00:00Z, the zero of .NET's clock, which only
shows for sizes that do not divide a day. Source: Microsoft's language reference, Windowing functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal as Only

from . import units
from .errors import Refused
from .expressions import unit_of
from .syntax import Call, Expression, Literal, Star
from .values import to_micros

Kind = Only["tumbling", "hopping", "snapshot"]
_origin = to_micros(datetime(1, 1, 1, tzinfo=UTC))
_longest = 7 * units.lengths["day"]
_kinds: dict[str, Kind] = {
    "TUMBLINGWINDOW": "tumbling",
    "TUMBLING": "tumbling",
    "HOPPINGWINDOW": "hopping",
    "HOPPING": "hopping",
    "SYSTEM.TIMESTAMP": "snapshot",
}


@dataclass(frozen=True, kw_only=True)
class Window:
    """`size`, `hop` and `offset` in microseconds; a snapshot has none of them. `id` is set inside Windows()."""

    kind: Kind
    size: int = 0
    hop: int = 0
    offset: int = 0
    id: str | None = None

    def end(self, time: int) -> int:
        """The end of the first aligned interval of length `hop` that holds `time`."""
        base = _origin + self.offset
        return base - (base - time) // self.hop * self.hop

    def ends(self, time: int) -> list[int]:
        """The ends of all windows that hold `time`, earliest first."""
        if self.kind == "snapshot":
            return [time]
        end = self.end(time)
        if self.size == self.hop:
            return [end]
        return list(range(end, time + self.size, self.hop))


def window_of(node: Expression) -> Window | None:
    """The window a GROUP BY entry stands for; None when it is no window. Raises Refused."""
    if not isinstance(node, Call) or node.name.upper() not in _kinds:
        return None
    kind = _kinds[node.name.upper()]
    if kind == "snapshot":
        return Window(kind=kind)
    lengths = _lengths(node, 1 if kind == "tumbling" else 2)
    size = _positive(lengths["duration"], node, "size")
    hop = _positive(lengths["hop"], node, "hop") if kind == "hopping" else size
    return Window(kind=kind, size=size, hop=hop, offset=lengths.get("offset", 0))


_forms = {"DURATION": "duration", "HOP": "hop", "OFFSET": "offset"}


def _lengths(node: Call, needed: int) -> dict[str, int]:
    """The lengths of a window in microseconds, from either form: (unit, n, …) or (Duration(unit, n), …)."""
    order = ["duration", "hop", "offset"] if needed == 2 else ["duration", "offset"]
    arguments = node.arguments
    found: dict[str, int] = {}
    if arguments and isinstance(arguments[0], Call):
        for argument in arguments:
            name = _forms.get(argument.name.upper()) if isinstance(argument, Call) else None
            if name not in order or name in found or not isinstance(argument, Call):
                wanted = ", ".join(f"{part.capitalize()}(unit, n)" for part in order)
                raise Refused(f"{node.name} takes {wanted}", argument.at)
            found[name] = duration(argument)
    elif len(arguments) > 1:
        unit = unit_of(arguments[0])
        for name, argument in zip(order, arguments[1:], strict=False):
            found[name] = _length(unit, argument)
    if len(found) < needed or len(arguments) > len(order) + 1:
        form = "(unit, size[, offset])" if needed == 1 else "(unit, size, hop[, offset])"
        raise Refused(f"{node.name} takes {form}", node.at)
    return found


def duration(call: Call) -> int:
    """Microseconds of `Duration(unit, n)` and its like. Raises Refused."""
    if len(call.arguments) != 2:
        raise Refused(f"{call.name} takes (unit, n)", call.at)
    return _length(unit_of(call.arguments[0]), call.arguments[1])


def _length(unit: str, argument: Expression | Star) -> int:
    if unit not in units.lengths:
        raise Refused(
            f"a window is not measured in {unit}: day, hour, minute, second, millisecond, microsecond", argument.at
        )
    if not isinstance(argument, Literal) or not isinstance(argument.value, (int, float)):
        raise Refused("a window's length is a number that does not change", argument.at)
    return round(argument.value * units.lengths[unit])


def _positive(length: int, node: Call, what: str) -> int:
    if not 0 < length <= _longest:
        raise Refused(f"the {what} of {node.name} is more than 0 and at most 7 days", node.at)
    return length
