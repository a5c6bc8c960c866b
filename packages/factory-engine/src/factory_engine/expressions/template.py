"""Strings of a definition: literal, `@expression`, or text with `@{expression}` in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard

from factory_engine.expressions.errors import ExpressionError
from factory_engine.expressions.nodes import Node
from factory_engine.expressions.syntax import parse_expression


@dataclass(frozen=True, kw_only=True)
class Template:
    """A parsed string. One node and no text (`whole`) keeps its type; anything else becomes a string."""

    source: str
    parts: tuple[str | Node, ...]
    whole: bool = False

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(part for part in self.parts if not isinstance(part, str))


@lru_cache(maxsize=4096)
def parse(source: str) -> Template:
    """Parses a string of a definition. Raises ExpressionError with the position.

    `@@` at the start is a literal `@` and nothing behind it is evaluated; `@@{` within a text is a literal `@{`.
    """
    if source.startswith("@@"):
        return Template(source=source, parts=(source[1:],))
    if source.startswith("@") and len(source) > 1 and source[1] != "{":
        return Template(source=source, parts=(parse_expression(source[1:], whole=source, offset=1),), whole=True)
    return Template(source=source, parts=tuple(_interpolation(source)))


def _interpolation(source: str) -> Iterator[str | Node]:
    text, index = "", 0
    while index < len(source):
        if source.startswith("@@{", index):
            text, index = text + "@{", index + 3
        elif source.startswith("@{", index):
            if text:
                yield text
            end = _closing_brace(source, index)
            yield parse_expression(source[index + 2 : end], whole=source, offset=index + 2)
            text, index = "", end + 1
        else:
            text, index = text + source[index], index + 1
    if text:
        yield text


def _closing_brace(source: str, start: int) -> int:
    quoted = False
    for index in range(start + 2, len(source)):
        if source[index] == "'":
            quoted = not quoted
        elif source[index] == "}" and not quoted:
            return index
    raise ExpressionError("'@{' has no closing '}'", expression=source, position=start + 1)


def is_expression(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether `value` is the service's expression object, `{"type": "Expression", "value": "@…"}`."""
    return isinstance(value, dict) and value.get("type") == "Expression" and set(value) == {"type", "value"}


def expressions_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a JSON value that holds an expression, with its path (`source.query`, `inputs[0].parameters`)."""
    if isinstance(value, str):
        if "@" in value:
            yield path, value
    elif is_expression(value):
        yield from expressions_in(value["value"], path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from expressions_in(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from expressions_in(item, f"{path}[{index}]")
