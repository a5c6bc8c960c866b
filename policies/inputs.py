"""Reads single values out of a resource's properties.

A policy that touches an unknown value raises `UnknownValueError`, and the SDK then reports no more than an advisory:
the rule is gone without a word. So every read goes through here, and "unknown" is a value that a rule has to judge.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from pulumi_policy.proxy import UnknownValueError


class Missing(Enum):
    ABSENT = "absent"
    UNKNOWN = "known only after the deployment"


ABSENT, UNKNOWN = Missing.ABSENT, Missing.UNKNOWN


def read(props: Mapping[str, Any], path: str) -> Any:
    """The value at the dotted `path`, else ABSENT or UNKNOWN. An empty object in between counts as absent."""
    value: Any = props
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return ABSENT
        try:
            value = value.get(key)
        except UnknownValueError:
            return UNKNOWN
        if value is None:
            return ABSENT
    return value


def items(props: Mapping[str, Any], path: str) -> Iterator[Any]:
    """The elements of the list at `path`; UNKNOWN for an element, or for a whole list, that is not known yet."""
    found = read(props, path)
    if found is UNKNOWN:
        yield UNKNOWN
    if not isinstance(found, Sequence) or isinstance(found, str):
        return
    for index in range(len(found)):
        try:
            yield found[index]
        except UnknownValueError:
            yield UNKNOWN


def same(found: Any, expected: Any) -> bool:
    """Equality in which true is not 1, as it is in Python."""
    return isinstance(found, bool) == isinstance(expected, bool) and found == expected


def show(value: Any) -> str:
    """`value` as a person writes it in a message."""
    if isinstance(value, Missing):
        return value.value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (str, bool, int, float)):
        text = json.dumps(value)
        return text if len(text) <= 120 else f"{text[:117]}..."
    return f"a list of {len(value)}" if isinstance(value, Sequence) else "an object"


def one_of(values: Sequence[Any]) -> str:
    return show(values[0]) if len(values) == 1 else f"one of {', '.join(map(show, values))}"


DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def seconds(duration: Any) -> float | None:
    """The length of an ISO 8601 duration of days, hours, minutes and seconds; None for anything else."""
    found = DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if not found or not any(found.groups()):
        return None
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest
