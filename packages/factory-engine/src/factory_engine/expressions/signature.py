"""A function of the language: its signature checks the number and the kinds of its arguments."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from factory_engine.expressions.conversion import kind
from factory_engine.expressions.errors import ExpressionError

_PARAMETER = re.compile(r"(?P<name>\w+):(?P<kinds>[\w|]+)(?P<more>[?…]?)$")
_KINDS = {
    "string": {"String"},
    "integer": {"Integer"},
    "number": {"Integer", "Float"},
    "boolean": {"Boolean"},
    "array": {"Array"},
    "object": {"Object"},
    "null": {"Null"},
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    name: str
    kinds: str
    optional: bool
    repeated: bool

    def accepts(self, value: Any) -> bool:
        return self.kinds == "any" or any(kind(value) in _KINDS[each] for each in self.kinds.split("|"))


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function. `lazy` ones get callables in place of values, `scoped` ones the Scope before their arguments."""

    name: str
    group: str
    parameters: tuple[Parameter, ...]
    implementation: Callable[..., Any]
    lazy: bool = False
    scoped: bool = False

    @property
    def minimum(self) -> int:
        return sum(not parameter.optional for parameter in self.parameters)

    @property
    def maximum(self) -> int | None:
        return None if any(parameter.repeated for parameter in self.parameters) else len(self.parameters)

    @property
    def signature(self) -> str:
        marks = (("?" if p.optional else "…" if p.repeated else "") for p in self.parameters)
        return f"{self.name}({', '.join(p.name + mark for p, mark in zip(self.parameters, marks, strict=True))})"

    def check_count(self, count: int) -> None:
        """Raises ExpressionError when the function does not take `count` arguments."""
        if count < self.minimum or (self.maximum is not None and count > self.maximum):
            expected = str(self.minimum) if self.minimum == self.maximum else f"{self.minimum} to {self.maximum}"
            expected = f"at least {self.minimum}" if self.maximum is None else expected
            msg = f"{self.name}() expects {expected} argument(s), found {count}"
            raise ExpressionError(msg)

    def apply(self, *arguments: Any) -> Any:
        if not self.lazy:
            for index, value in enumerate(arguments[1:] if self.scoped else arguments):
                self.check_kind(index, value)
        return self.implementation(*arguments)

    def check_kind(self, index: int, value: Any) -> None:
        parameter = self.parameters[min(index, len(self.parameters) - 1)]
        if not parameter.accepts(value):
            expected = parameter.kinds.replace("|", " or ")
            msg = f"{self.name}() expects {expected} for '{parameter.name}', found {kind(value)}"
            raise ExpressionError(msg)


def function(
    group: str, signature: str, implementation: Callable[..., Any], *, lazy: bool = False, scoped: bool = False
) -> Function:
    """A Function from a signature such as `substring(text:string, start:integer, length:integer?)`."""
    name, _, rest = signature.rstrip(")").partition("(")
    parameters = tuple(_parameter(text.strip()) for text in rest.split(",") if text.strip())
    return Function(
        name=name, group=group, parameters=parameters, implementation=implementation, lazy=lazy, scoped=scoped
    )


def _parameter(text: str) -> Parameter:
    match = _PARAMETER.match(text)
    if match is None:
        msg = f"no parameter: {text!r}"
        raise ValueError(msg)
    return Parameter(
        name=match["name"], kinds=match["kinds"], optional=match["more"] == "?", repeated=match["more"] == "…"
    )
