"""A job's state as bytes: JSON with a tag before everything JSON cannot say, readable by no code but this."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class Live:
    """State that lives elsewhere, in a script: it is written down as `saved`, and read back as `Saved`."""

    def saved(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Saved(Live):
    """What was written down of live state, until its owner gives it life again."""

    text: str

    def saved(self) -> str:
        return self.text


_containers = {tuple: "t", list: "l", set: "s"}
_makers = {"t": tuple, "l": list, "s": set}


def dump(state: Any) -> bytes:
    """State made of None, numbers, text, datetimes, tuples, lists, sets, dicts, and live state."""
    return json.dumps(_encode(state), separators=(",", ":")).encode()


def load(data: bytes) -> Any:
    return _decode(json.loads(data))


def _encode(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, datetime):
        return ["@", value.isoformat()]
    if isinstance(value, Live):
        return ["j", value.saved()]
    if isinstance(value, dict):
        return ["d", *([_encode(key), _encode(each)] for key, each in value.items())]
    tag = _containers[type(value)]
    values = sorted(value, key=repr) if tag == "s" else value
    return [tag, *(_encode(each) for each in values)]


def _decode(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    tag, rest = value[0], value[1:]
    if tag == "@":
        return datetime.fromisoformat(rest[0])
    if tag == "j":
        return Saved(rest[0])
    if tag == "d":
        return {_decode(key): _decode(each) for key, each in rest}
    return _makers[tag](_decode(each) for each in rest)
