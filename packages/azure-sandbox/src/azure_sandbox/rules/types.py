"""Rules about resource types: TOML tables, and the code that hangs in by decorator; and the checks that follow."""

import copy
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from azure_sandbox.access import Access
from azure_sandbox.clock import Clock
from azure_sandbox.directory import Directory
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import kind_of, name_of
from azure_sandbox.store import Store
from azure_sandbox.tables import tables

Body = dict[str, Any]
JSON_TYPES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


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


@dataclass(kw_only=True)
class Type:
    """One resource type; types.toml says what the fields mean. Paths are dotted: `properties.logs[].category`.

    check   refuses a PUT that contradicts itself or other resources: (world, id, new, old)
    fill    properties that only Azure knows: (world, id, new, old) → properties
    follow  resources that Azure makes together with this one: (world, id, new) → bodies
    in_use  refuses a deletion: (world, resource)
    verbs   refuse a POST to `id/verb`: (world, id, body, resource)
    """

    name: str
    source: str
    names: str = r"[^<>*%&:\\?/]{1,260}"
    bad_name: tuple[str, str] = ("InvalidResourceName", "The provided resource name '{name}' does not match {rule}.")
    tracked: bool = False
    required: tuple[str, ...] = ()
    allowed: Mapping[str, list[Any]] = field(default_factory=dict)
    within: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    exists: Mapping[str, str] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    computed: Mapping[str, Any] = field(default_factory=dict)
    unique: tuple[int, str, str] | None = None
    free: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[int, int] = (201, 200)
    slow: str = ""
    implicit: bool = False
    brings: bool = False
    invalid: tuple[int, str] = (400, "BadRequest")
    check: Check | None = None
    fill: Callable[[World, str, Body, Body | None], Mapping[str, Any]] | None = None
    follow: Callable[[World, str, Body], list[Body]] | None = None
    in_use: Callable[[World, Body], None] | None = None
    verbs: dict[str, Check] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.name.lower()


TYPES = {name.lower(): Type(name=name, **table) for name, table in tables("types.toml")}


def code(part: str, *kinds: str) -> Callable[[Any], Any]:
    """Decorator: the function is the `check`, `fill`, `follow`, `in_use` or `verbs.NAME` of these types."""

    def register(function: Any) -> Any:
        for kind in kinds:
            if part.startswith("verbs."):
                TYPES[kind.lower()].verbs[part.removeprefix("verbs.").lower()] = function
            else:
                setattr(TYPES[kind.lower()], part, function)
        return function

    return register


def refuse(when: Any, message: str, code: str = "BadRequest", status: int = 400) -> None:
    if when:
        raise AzureError(status, code, message)


def check_name(rule: Type, resource_id: str) -> None:
    name = name_of(resource_id)
    error, message = rule.bad_name
    refuse(not re.fullmatch(rule.names, name), message.format(name=name, rule=rule.names), error)


def check_body(world: World, rule: Type, body: Body) -> None:
    status, error = rule.invalid
    for path in rule.required:
        missing = all(value in (None, "", {}) for _, value in walk(body, path))
        refuse(missing, f"The required property '{path}' is missing for '{rule.name}'.", error, status)
    for path, allowed in rule.allowed.items():
        for where, value in walk(body, path):
            known = value is None or str(value).lower() in {str(one).lower() for one in allowed}
            choices = ", ".join(str(one) for one in allowed)
            text = f"The value '{value}' of property '{where}' is invalid. Allowed values are: {choices}."
            refuse(not known, text, error, status)
    for path, default in rule.defaults.items():
        value, kind = dig(body, path), type(default)
        fits = value is None or type(value) is kind or {type(value), kind} == {int, float}
        text = f"The value '{value}' of property '{path}' is invalid: expected {JSON_TYPES[kind]}."
        refuse(not fits, text, error, status)
    for path, (least, most) in rule.within.items():
        for where, value in walk(body, path):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            fits = value is None or (number and least <= value <= most)
            text = f"The value '{value}' of property '{where}' is out of range: {least:g} to {most:g}."
            refuse(not fits, text, error, status)
    for path, kind in rule.exists.items():
        for where, value in walk(body, path):
            right = value is None or kind == "*" or kind_of(str(value)) == kind.lower()
            refuse(not right, f"The property '{where}' must be the id of a '{kind}', not '{value}'.", error, status)
            there = value is None or world.find(value) or kind_of(str(value)) == "microsoft.resources/subscriptions"
            text = f"Resource '{value}' referenced by '{where}' was not found."
            refuse(not there, text, "InvalidResourceReference")


def check_fixed(rule: Type, body: Body, old: Body) -> None:
    for path in rule.fixed:
        before, after = dig(old, path), dig(body, path)
        text = f"Changing property '{path}' of '{rule.name}' from '{before}' to '{after}' is not allowed."
        refuse(not same(before, after), text, "PropertyChangeNotAllowed", 409)


def same(one: Any, other: Any) -> bool:
    """Ids and enums come back in any spelling; a number may be written as text."""
    if isinstance(one, str | int | float) and isinstance(other, str | int | float):
        return str(one).lower().rstrip("/") == str(other).lower().rstrip("/")
    return one == other


def fill_defaults(rule: Type, body: Body) -> None:
    for path, value in rule.defaults.items():
        if dig(body, path) is None:
            put(body, path, copy.deepcopy(value))


def compute(world: World, rule: Type, body: Body, old: Body | None) -> None:
    """Fills in what Azure keeps (`kept`) and what only Azure knows (`computed`)."""
    for path, first in rule.kept.items():
        before = dig(old, path)
        put(body, path, first if before is None else before)
    place = str(body.get("location", "")).replace(" ", "").lower()
    known = {"id": body["id"], "name": body["name"], "lower": body["name"].lower(), "place": place}
    known |= {"tenant": world.directory.tenant_id, "subscription": world.directory.subscription_id}
    for path, text in rule.computed.items():
        before = dig(old, f"properties.{path}")
        special = {"@now": world.clock.stamp(), "@created": before or world.clock.stamp()}
        special["@new"] = before or str(uuid.uuid4())
        value = special.get(text) or text.format(**known) if isinstance(text, str) else copy.deepcopy(text)
        known[path] = value
        put(body, f"properties.{path}", value)


def put(body: Body, path: str, value: Any) -> None:
    """Sets a dotted path, unless something that is no object stands in its way."""
    *above, last = path.split(".")
    place: Any = body
    for key in above:
        place = place.setdefault(key, {}) if isinstance(place, dict) else None
    if isinstance(place, dict):
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
