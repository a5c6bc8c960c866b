"""What a rule about a resource type can say, and the checks that follow from it.

Written from the services' documentation, not from the SDK: the provider reads the SDK, so that the two can disagree.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from azure_sandbox.access import Access
from azure_sandbox.clock import Clock
from azure_sandbox.directory import Directory
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import name_of
from azure_sandbox.store import Store

Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class World:
    """All that a rule may look at."""

    store: Store
    clock: Clock
    directory: Directory
    access: Access

    def find(self, resource_id: Any) -> Body | None:
        return self.store.resource(resource_id) if isinstance(resource_id, str) and resource_id else None


Check = Callable[[World, str, Body, Body | None], None]
Fill = Callable[[World, str, Body, Body | None], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Type:
    """One resource type. Paths are dotted (`properties.sku.name`, `properties.logs[].category`).

    source     where Azure documents the rules
    names      regular expression of the name; `bad_name` is the refusal: code and message with {name}
    tracked    has a location (required, and fixed) and tags
    required   paths that must have a value;  allowed, within: values or bounds of a path;  fixed: may never change
    defaults   what Azure fills in when a PUT leaves it out
    unique     code and message with {name}, when the name is taken anywhere in Azure
    check      refuses a PUT that contradicts other resources: (world, id, new, old)
    fill       properties that only Azure knows: (world, id, body, old) → properties
    follow     resources that Azure makes together with this one: (world, id, body) → bodies
    kept       properties that a PUT cannot touch and that outlive it
    in_use     refuses a deletion: (world, resource)
    verbs      refuses a POST to `id/verb`: verb → check
    slow       how a write answers: at once, 201/202 with an Azure-AsyncOperation, or 202 with a Location alone
    implicit   exists, empty, as soon as its parent does;  brings: makes its parent when there is none
    secret     properties that are taken and never shown
    invalid    the service's error code for a bad body
    """

    name: str
    source: str
    names: str = r"[^<>*%&:\\?/]{1,260}"
    bad_name: tuple[str, str] = ("InvalidResourceName", "The provided resource name '{name}' does not match {rule}.")
    tracked: bool = False
    required: tuple[str, ...] = ()
    allowed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    within: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    unique: tuple[int, str, str] | None = None
    check: Check | None = None
    fill: Fill | None = None
    follow: Callable[[World, str, Body], list[Body]] | None = None
    kept: tuple[str, ...] = ()
    in_use: Callable[[World, Body], None] | None = None
    verbs: Mapping[str, Check] = field(default_factory=dict)
    slow: Literal["", "operation", "location"] = ""
    implicit: bool = False
    brings: bool = False
    secret: tuple[str, ...] = ()
    invalid: str = "BadRequest"

    @property
    def kind(self) -> str:
        return self.name.lower()


def check_name(rule: Type, resource_id: str) -> None:
    name = name_of(resource_id)
    if not re.fullmatch(rule.names, name):
        code, message = rule.bad_name
        raise AzureError(400, code, message.format(name=name, rule=rule.names, type=rule.name))


def check_body(rule: Type, body: Body) -> None:
    for path in rule.required:
        if all(value in (None, "") for _, value in walk(body, path)):
            raise AzureError(400, rule.invalid, f"The required property '{path}' is missing for '{rule.name}'.")
    for path, allowed in rule.allowed.items():
        lower = {str(value).lower() for value in allowed}
        for where, value in walk(body, path):
            if value is not None and str(value).lower() not in lower:
                choices = ", ".join(str(value) for value in allowed)
                message = f"The value '{value}' of property '{where}' is invalid. Allowed values are: {choices}."
                raise AzureError(400, rule.invalid, message)
    for path, (least, most) in rule.within.items():
        for where, value in walk(body, path):
            if value is not None and not (_number(value) and least <= value <= most):
                message = f"The value '{value}' of property '{where}' is out of range: {least:g} to {most:g}."
                raise AzureError(400, rule.invalid, message)


def check_fixed(rule: Type, body: Body, old: Body) -> None:
    for path in rule.fixed:
        before, after = dig(old, path), dig(body, path)
        if not same(before, after):
            message = f"Changing property '{path}' of '{rule.name}' from '{before}' to '{after}' is not allowed."
            raise AzureError(409, "PropertyChangeNotAllowed", message)


def same(one: Any, other: Any) -> bool:
    """Ids and enums come back in any spelling; a number may be written as text."""
    if isinstance(one, str | int | float) and isinstance(other, str | int | float):
        return str(one).lower().rstrip("/") == str(other).lower().rstrip("/")
    return one == other


def fill_defaults(rule: Type, body: Body) -> None:
    for path, value in rule.defaults.items():
        *above, last = path.split(".")
        place = body
        for key in above:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                break
        else:
            if place.get(last) is None:
                place[last] = value


def walk(value: Any, path: str, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every (full path, value) that a dotted path with `[]` leads to; a missing one as None."""
    head, _, rest = path.partition(".")
    key = head.removesuffix("[]")
    found = value.get(key) if isinstance(value, dict) else None
    here = f"{where}.{key}" if where else key
    items = [(here, found)]
    if head.endswith("[]"):
        items = [(f"{here}[{n}]", item) for n, item in enumerate(found)] if isinstance(found, list) else []
    for place, item in items:
        if rest and item is not None:
            yield from walk(item, rest, place)
        else:
            yield place if not rest else f"{place}.{rest}", item if not rest else None


def dig(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
