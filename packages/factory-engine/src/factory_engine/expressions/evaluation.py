"""Evaluates parsed expressions against what a place of a definition can see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from factory_engine.expressions.conversion import kind, to_string
from factory_engine.expressions.errors import ExpressionError
from factory_engine.expressions.functions import FUNCTIONS
from factory_engine.expressions.nodes import Access, Call, Literal, Node, Path
from factory_engine.expressions.template import Template, is_expression, parse


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What an expression sees. A reference whose value is None is not to be had at that place.

    `references` maps the lower-case names pipeline, trigger, dataset and linkedservice to JSON objects;
    `activities` and `variables` are looked up without regard to case. `now` is the clock, `new_id` makes GUIDs.
    """

    now: Callable[[], datetime]
    new_id: Callable[[], str]
    references: Mapping[str, Any] = field(default_factory=dict)
    activities: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)


def evaluate(value: Any, scope: Scope) -> Any:
    """The JSON `value` with every expression in it replaced by its result. Raises ExpressionError with the position."""
    if isinstance(value, str):
        return _template(parse(value), scope) if "@" in value else value
    if is_expression(value):
        return evaluate(value["value"], scope)
    if isinstance(value, dict):
        return {key: evaluate(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, scope) for item in value]
    return value


def _template(template: Template, scope: Scope) -> Any:
    if template.whole:
        return _node(template.nodes[0], scope, template.source)
    return "".join(
        part if isinstance(part, str) else to_string(_node(part, scope, template.source)) for part in template.parts
    )


def _node(node: Node, scope: Scope, source: str) -> Any:
    try:
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Call):
            return _call(node, scope, source)
        return _path(node, scope, source)
    except ExpressionError as error:
        raise error.at(source, node.position) from None


def _call(call: Call, scope: Scope, source: str) -> Any:
    name = call.name.lower()
    if name in _REFERENCES:
        arguments = [_node(argument, scope, source) for argument in call.arguments]
        return _REFERENCES[name](scope, *arguments)
    function = FUNCTIONS.get(name)
    if function is None:
        msg = f"the function '{call.name}' is not supported"
        raise ExpressionError(msg)
    function.check_count(len(call.arguments))
    if function.lazy:
        return function.apply(*[lambda each=each: _node(each, scope, source) for each in call.arguments])
    arguments = [_node(argument, scope, source) for argument in call.arguments]
    return function.apply(scope, *arguments) if function.scoped else function.apply(*arguments)


def _path(path: Path, scope: Scope, source: str) -> Any:
    value = _node(path.root, scope, source)
    for access in path.accesses:
        try:
            value = _access(value, access, _node(access.key, scope, source))
        except ExpressionError as error:
            raise error.at(source, access.position) from None
    return value


def _access(value: Any, access: Access, key: Any) -> Any:
    if value is None and access.optional:
        return None
    if isinstance(value, Mapping) and isinstance(key, str):
        return _property(value, key, access.optional)
    if isinstance(value, list) and isinstance(key, int) and not isinstance(key, bool):
        if 0 <= key < len(value):
            return value[key]
        if access.optional:
            return None
        msg = f"the array index {key} is outside the bounds (0, {len(value) - 1}) of the array"
        raise ExpressionError(msg)
    msg = f"property {key!r} cannot be selected, {kind(value)} has none"
    raise ExpressionError(msg)


def _property(value: Mapping[str, Any], key: str, optional: bool) -> Any:
    if key in value:
        return value[key]
    for name, item in value.items():
        if name.lower() == key.lower():
            return item
    if optional:
        return None
    msg = f"property '{key}' doesn't exist, available properties are '{', '.join(value)}'"
    raise ExpressionError(msg)


def _reference(name: str) -> Callable[[Scope], Any]:
    def resolve(scope: Scope) -> Any:
        value = scope.references.get(name)
        if value is None:
            msg = f"the function '{name}' is not expected at this location"
            raise ExpressionError(msg)
        return value

    return resolve


def _activity(scope: Scope, name: str) -> Any:
    for key, item in scope.activities.items():
        if key.lower() == str(name).lower():
            return item
    msg = f"the activity '{name}' has not run, is no ancestor of this one, or does not exist"
    raise ExpressionError(msg)


def _variable(scope: Scope, name: str) -> Any:
    for key, item in scope.variables.items():
        if key.lower() == str(name).lower():
            return item
    msg = f"the variable '{name}' cannot be found"
    raise ExpressionError(msg)


_REFERENCES: dict[str, Callable[..., Any]] = {
    **{name: _reference(name) for name in ("pipeline", "trigger", "dataset", "linkedservice")},
    "activity": _activity,
    "variables": _variable,
}
