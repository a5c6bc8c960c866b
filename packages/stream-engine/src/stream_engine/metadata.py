"""GetMetadataPropertyValue(input, 'name'): what an input knows of an event beside its body."""

from __future__ import annotations

import re

from .errors import Refused
from .frame import Frame
from .scope import Compiled, Scope, field_of
from .syntax import Call, Column, Literal
from .values import Value

refused = {"eventid": "how the service makes it is not published"}
_part = re.compile(r"\[([^\]]+)\]|([^.\[\]]+)")


def compile_metadata(node: Call, scope: Scope) -> Compiled:
    """The call as a function of a frame. Raises Refused."""
    source, name = node.arguments if len(node.arguments) == 2 else (None, None)
    index = scope.source(source.parts[0]) if isinstance(source, Column) else None
    if index is None or not isinstance(name, Literal) or not isinstance(name.value, str):
        raise Refused("GetMetadataPropertyValue takes an input and a name in quotes", node.at)
    if scope.relations[index].columns is not None:
        raise Refused(f"{scope.relations[index].alias} is no input: only its events have metadata", node.at)
    path = [quoted or plain for quoted, plain in _part.findall(name.value)]
    if len(path) == 1 and path[0].lower() in refused:
        raise Refused(f"the property {path[0]} is not supported: {refused[path[0].lower()]}", name.at)
    hub = path[:1] != [] and path[0].lower() == "eventhub"

    def evaluate(frame: Frame) -> Value:
        value: Value = getattr(frame.records[index], "metadata", None)
        if hub and value is not None:
            value = {name: each for name, each in value.items() if name != "User"}
        for part in path[1:] if hub else path:
            value = field_of(value, part)
        return value

    return Compiled(type=None, evaluate=evaluate)
