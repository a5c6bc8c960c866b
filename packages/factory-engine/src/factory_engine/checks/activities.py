"""Checks one activity by its type."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from factory_engine.activity_types import ACTIVITY_TYPES
from factory_engine.checks.typed import Finding, check_expressions, check_reference, is_dynamic
from factory_engine.definitions import (
    Factory,
    Json,
    all_activities,
    branches,
    own_properties,
    seconds_of,
    type_properties,
)
from factory_engine.expressions import Place, expressions_in, parse
from factory_engine.expressions.errors import ExpressionError
from factory_engine.expressions.nodes import Call, Literal, Node, Path
from factory_engine.expressions.template import is_expression

_METADATA = (
    *("itemName", "itemType", "size", "created", "lastModified", "childItems", "contentMD5", "structure"),
    *("columnCount", "exists"),
)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# The limits are those of the REST API's description (ActivityPolicy) and of the articles on each activity.
_POLICY = ("timeout", "retry", "retryIntervalInSeconds", "secureInput", "secureOutput")


def check_activity(activity: Json, place: Place, inside: tuple[str, ...], factory: Factory) -> Iterator[Finding]:
    """Problems of one activity; those of activities inside it are not looked for."""
    kind = ACTIVITY_TYPES.get(str(activity.get("type")))
    if kind is None:
        supported = ", ".join(ACTIVITY_TYPES)
        yield "type", f"the activity type {activity.get('type')!r} is not supported, supported are {supported}"
        return
    if activity.get("state", "Active") != "Active":
        yield "state", "inactive activities are not supported"
    if kind.name in inside and kind.name in ("IfCondition", "Until"):
        yield "type", f"{kind.name} cannot stand inside {kind.name}"
    inner = type_properties(activity)
    for name in kind.required:
        if inner.get(name) in (None, "", []):
            yield f"typeProperties.{name}", "is required"
    for name in kind.refused:
        if inner.get(name):
            yield f"typeProperties.{name}", "is not supported"
    yield from _policy(activity, place)
    yield from _expressions(activity, place)
    yield from _TYPED.get(kind.name, _nothing)(activity, inner, place, factory)


def _expressions(activity: Json, place: Place) -> Iterator[Finding]:
    """A loop's condition sees the activities inside the loop."""
    inner = own_properties(activity)
    if activity.get("type") == "Until":
        names = frozenset(str(each["name"]) for each in all_activities(branches(activity)["activities"]))
        place = replace(place, activities=(place.activities or frozenset()) | names)
    inner.pop("dataset", None)
    yield from check_expressions(inner, place, "typeProperties")


def _policy(activity: Json, place: Place) -> Iterator[Finding]:
    policy = activity.get("policy") or {}
    kind = ACTIVITY_TYPES[str(activity["type"])]
    allowed = _POLICY if kind.kind == "world" else ("secureInput", "secureOutput")
    for name in policy:
        if name not in allowed:
            yield f"policy.{name}", f"is none of {', '.join(allowed)} for {kind.name}"
    yield from _whole(policy, "retry", 0, 2**31)
    yield from _whole(policy, "retryIntervalInSeconds", 30, 86_400)
    yield from check_expressions(policy, place, "policy")
    yield from _timespan(policy, "timeout", "policy.timeout")


def _whole(policy: Json, name: str, least: int, most: int) -> Iterator[Finding]:
    value = policy.get(name, least)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        yield f"policy.{name}", f"expected a whole number from {least} to {most}, found {value!r}"


def _timespan(holder: Json, name: str, path: str, most: float | None = None) -> Iterator[Finding]:
    value = holder.get(name)
    if value is None or is_dynamic(value):
        return
    try:
        seconds = seconds_of(value)
    except ValueError as error:
        yield path, str(error)
        return
    if most is not None and seconds > most:
        yield path, f"expected at most {most:g} seconds, found {value!r}"


def _nothing(activity: Json, inner: Json, place: Place, factory: Factory) -> Iterator[Finding]:
    yield from ()


def _web(activity: Json, inner: Json, place: Place, factory: Factory) -> Iterator[Finding]:
    method = str(inner.get("method", "")).upper()
    if not is_dynamic(inner.get("method")) and method not in _METHODS:
        yield "typeProperties.method", f"expected one of {', '.join(_METHODS)}, found {inner.get('method')!r}"
    if method in ("POST", "PUT", "PATCH") and "body" not in inner:
        yield "typeProperties.body", f"is required for {method}"
    yield from _timespan(inner, "httpRequestTimeout", "typeProperties.httpRequestTimeout", 600)


def _copy(activity: Json, inner: Json, place: Place, factory: Factory) -> Iterator[Finding]:
    for name in ("inputs", "outputs"):
        references = activity.get(name) or []
        if len(references) != 1:
            yield name, f"expected one dataset, found {len(references)}"
            continue
        yield from check_reference(references[0], factory.datasets, "dataset", f"{name}[0]", place)
    for name in ("source", "sink"):
        if not isinstance(inner.get(name), dict) or not inner[name].get("type"):
            yield f"typeProperties.{name}.type", "is required"


def _script(activity: Json, inner: Json, place: Place, factory: Factory) -> Iterator[Finding]:
    yield from check_reference(
        activity.get("linkedServiceName"), factory.linked_services, "linked service", "linkedServiceName", place
    )
    for index, script in enumerate(inner.get("scripts") or ()):
        path = f"typeProperties.scripts[{index}]"
        if not script.get("text"):
            yield f"{path}.text", "is required"
        if script.get("type", "Query") not in ("Query", "NonQuery"):
            yield f"{path}.type", f"expected Query or NonQuery, found {script.get('type')!r}"


def _metadata(activity: Json, inner: Json, place: Place, factory: Factory) -> Iterator[Finding]:
    yield from _dataset(activity, inner, place, factory)
    for index, name in enumerate(inner.get("fieldList") or ()):
        if not is_dynamic(name) and name not in _METADATA:
            yield f"typeProperties.fieldList[{index}]", f"expected one of {', '.join(_METADATA)}, found {name!r}"


def _dataset(activity: Json, inner: Json, place: Place, factory: Factory) -> Iterator[Finding]:
    if inner.get("dataset") is not None:
        yield from check_reference(inner["dataset"], factory.datasets, "dataset", "typeProperties.dataset", place)


def _set_variable(activity: Json, inner: Json, place: Place, factory: Factory) -> Iterator[Finding]:
    name = str(inner.get("variableName", "")).lower()
    if name and name not in {each.lower() for each in place.variables or ()}:
        yield "typeProperties.variableName", f"the variable '{inner['variableName']}' is not declared"
    # https://learn.microsoft.com/azure/data-factory/control-flow-set-variable-activity, Incrementing a variable
    if name in set(_variables_in(inner.get("value"))):
        yield "typeProperties.value", f"a variable cannot be set from itself ('{inner['variableName']}')"


def _variables_in(value: Any) -> Iterator[str]:
    for _, source in expressions_in(value):
        try:
            nodes = parse(source).nodes
        except ExpressionError:
            continue
        for node in nodes:
            yield from _variables_of(node)


def _variables_of(node: Node) -> Iterator[str]:
    if isinstance(node, Path):
        yield from _variables_of(node.root)
        for access in node.accesses:
            yield from _variables_of(access.key)
    elif isinstance(node, Call):
        if node.name.lower() == "variables" and node.arguments and isinstance(node.arguments[0], Literal):
            yield str(node.arguments[0].value).lower()
        for argument in node.arguments:
            yield from _variables_of(argument)


def _conditional(activity: Json, inner: Json, place: Place, factory: Factory) -> Iterator[Finding]:
    condition = inner.get("expression")
    text = condition["value"] if is_expression(condition) else condition
    if condition and not is_dynamic(text):
        yield "typeProperties.expression", "expected an expression that gives true or false"
    yield from _timespan(inner, "timeout", "typeProperties.timeout", 90 * 86_400)


_TYPED = {
    "WebActivity": _web,
    "Copy": _copy,
    "Script": _script,
    "GetMetadata": _metadata,
    "Delete": _dataset,
    "SetVariable": _set_variable,
    "IfCondition": _conditional,
    "Until": _conditional,
}
