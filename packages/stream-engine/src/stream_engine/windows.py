"""Windows of time. Each is open at its start and closed at its end, which is its rows' System.Timestamp().

Windows are aligned to the zeroth hour; the engine counts from 0001-01-01T00:00Z, the zero of .NET's clock, which only
shows for sizes that do not divide a day. Source: Microsoft's language reference, Windowing functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal as Only

from . import units
from .errors import Refused
from .expressions import unit_of
from .syntax import Call, Expression, Literal, Star
from .values import to_micros

Kind = Only["tumbling", "hopping", "sliding", "session", "snapshot"]
origin = to_micros(datetime(1, 1, 1, tzinfo=UTC))
longest = 7 * units.lengths["day"]
kinds: dict[str, Kind] = {
    "TUMBLINGWINDOW": "tumbling",
    "TUMBLING": "tumbling",
    "HOPPINGWINDOW": "hopping",
    "HOPPING": "hopping",
    "SLIDINGWINDOW": "sliding",
    "SLIDING": "sliding",
    "SESSIONWINDOW": "session",
    "SESSION": "session",
    "SYSTEM.TIMESTAMP": "snapshot",
}
# The lengths of each kind in the order of the short form; those in brackets may be left out.
_lengths = {
    "tumbling": ("Duration", "[Offset]"),
    "hopping": ("Duration", "Hop", "[Offset]"),
    "sliding": ("Duration",),
    "session": ("Timeout", "MaxDuration"),
}


@dataclass(frozen=True, kw_only=True)
class Window:
    """Lengths in microseconds; a snapshot has none, a session its timeout as `size` and its maximum as `hop`.

    `id` is set inside Windows(); `partition` are the keys of a session.
    """

    kind: Kind
    size: int = 0
    hop: int = 0
    offset: int = 0
    id: str | None = None
    partition: tuple[Expression, ...] = ()

    def end(self, time: int) -> int:
        """The end of the first aligned interval of length `hop` that holds `time`."""
        base = origin + self.offset
        return base - (base - time) // self.hop * self.hop

    def ends(self, time: int) -> list[int]:
        """The ends of all aligned windows that hold `time`, earliest first."""
        if self.kind == "snapshot":
            return [time]
        end = self.end(time)
        if self.size == self.hop:
            return [end]
        return list(range(end, time + self.size, self.hop))

    @property
    def aligned(self) -> bool:
        """Whether the ends depend on the clock alone, not on other events."""
        return self.kind in ("tumbling", "hopping", "snapshot")


def windows_of(node: Expression) -> tuple[Window, ...] | None:
    """The windows a GROUP BY entry stands for; None when it is no window. Raises Refused."""
    if not isinstance(node, Call):
        return None
    if node.name.upper() != "WINDOWS":
        window = _window(node)
        return None if window is None else (window,)
    found = [_identified(argument) for argument in node.arguments]
    if not found:
        raise Refused("Windows takes Window('id', a window), …, or windows alone", node.at)
    known = [window.id.lower() for window in found if window.id is not None]
    if len(set(known)) < len(known) or 0 < len(known) < len(found):
        raise Refused("Windows takes windows of different ids, or all without one", node.at)
    return tuple(found)


def _identified(argument: Expression | Star) -> Window:
    """One window of Windows(…). Raises Refused."""
    if not isinstance(argument, Call) or argument.name.upper() != "WINDOW":
        window = _window(argument) if isinstance(argument, Call) else None
        if window is None or window.kind == "snapshot":
            raise Refused("Windows takes Window('id', a window), …, or windows alone, and no snapshot", argument.at)
        return window
    name, definition = argument.arguments if len(argument.arguments) == 2 else (None, None)
    window = _window(definition) if isinstance(definition, Call) else None
    if not isinstance(name, Literal) or not isinstance(name.value, str) or window is None or window.kind == "snapshot":
        raise Refused("Window takes an id in quotes and a window, no snapshot", argument.at)
    return replace(window, id=name.value)


def _window(node: Call) -> Window | None:
    kind = kinds.get(node.name.upper())
    if kind is None:
        return None
    if kind == "snapshot":
        return Window(kind=kind)
    if node.over is not None and (kind != "session" or not node.over.partition or node.over.limit):
        raise Refused("only a session window takes OVER, with PARTITION BY alone", node.over.at)
    found = _given(node, _lengths[kind])
    size = found.get("duration") or found.get("timeout") or 0
    hop = found.get("hop") or found.get("maxduration") or size
    for length, what in ((size, "size"), (hop, "hop" if kind == "hopping" else "maximum duration")):
        if not 0 < length <= longest:
            raise Refused(f"the {what} of {node.name} is more than 0 and at most 7 days", node.at)
    partition = node.over.partition if node.over else ()
    return Window(kind=kind, size=size, hop=hop, offset=found.get("offset", 0), partition=partition)


def _given(node: Call, wanted: tuple[str, ...]) -> dict[str, int]:
    """The lengths of a window in microseconds, from either form: (unit, n, …) or (Duration(unit, n), …)."""
    names = [name.strip("[]").lower() for name in wanted]
    arguments = node.arguments
    found: dict[str, int] = {}
    if arguments and isinstance(arguments[0], Call):
        for argument in arguments:
            name = argument.name.lower() if isinstance(argument, Call) else ""
            if not isinstance(argument, Call) or name not in names or name in found:
                raise Refused(f"{node.name} takes ({', '.join(f'{each}(unit, n)' for each in wanted)})", argument.at)
            found[name] = duration(argument)
    elif len(arguments) > 1:
        unit = unit_of(arguments[0])
        found = {name: _length(unit, argument) for name, argument in zip(names, arguments[1:], strict=False)}
    needed = [name.lower() for name in wanted if not name.startswith("[")]
    if any(name not in found for name in needed) or len(arguments) > len(names) + 1:
        raise Refused(f"{node.name} takes (unit, {', '.join(wanted)}), each a number", node.at)
    return found


def duration(call: Call) -> int:
    """Microseconds of `Duration(unit, n)` and its like. Raises Refused."""
    if len(call.arguments) != 2:
        raise Refused(f"{call.name} takes (unit, n)", call.at)
    return _length(unit_of(call.arguments[0]), call.arguments[1])


def _length(unit: str, argument: Expression | Star) -> int:
    if unit not in units.lengths:
        shown = ", ".join(units.lengths)
        raise Refused(f"a length of time is not measured in {unit}: {shown}", argument.at)
    if not isinstance(argument, Literal) or not isinstance(argument.value, (int, float)):
        raise Refused("a length of time is a number that does not change", argument.at)
    return round(argument.value * units.lengths[unit])
