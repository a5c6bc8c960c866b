"""Checks inputs against the facts about the SDK, and predicts outputs in a preview."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from azure_sandbox_pulumi.facts import facts
from azure_sandbox_pulumi.table import short

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # the engine's mark for a value that is not known yet
Problem = tuple[str, str]


def resource(token: str) -> dict[str, Any]:
    return facts()["resources"][short(token)]


def objects() -> dict[str, dict[str, Any]]:
    return facts()["objects"]


def input_names(token: str) -> set[str]:
    return set(objects()[resource(token)["inputs"]])


def output_names(token: str) -> set[str]:
    return set(resource(token)["outputs"])


def check(token: str, inputs: dict[str, Any]) -> Iterator[Problem]:
    """(property path, reason) for everything in `inputs` that the resource does not allow."""
    yield from _object_problems(inputs, resource(token)["inputs"], "")


def _object_problems(value: dict[str, Any], key: str, path: str) -> Iterator[Problem]:
    known = objects()[key]
    for name in sorted(value.keys() - known.keys()):
        near = difflib.get_close_matches(name, known, 1)
        yield join(path, name), f"unknown property '{name}'" + (f", did you mean '{near[0]}'?" if near else "")
    for name, (type_, required, _) in known.items():
        if value.get(name) is not None:
            yield from _problems(value[name], type_, join(path, name))
        elif required:
            yield join(path, name), f"missing required property '{name}': expected {described(type_)}"


def _problems(value: Any, type_: list[Any], path: str) -> Iterator[Problem]:
    if value == UNKNOWN or "any" in type_ or not type_:
        return
    variants = [t["object"] for t in type_ if "object" in t]
    if variants and isinstance(value, dict):
        yield from _variant_problems(value, variants, path)
    else:
        # Of several alternatives, the one that fits best speaks.
        yield from min((list(_alternative(value, t, path)) for t in type_), key=len)


def _variant_problems(value: dict[str, Any], variants: list[str], path: str) -> Iterator[Problem]:
    """One object type, or several told apart by a constant such as `type` or `computeType`."""
    constants = {o: {k: c for k, (_, _, c) in objects()[o].items() if c} for o in variants}
    fitting = [o for o, want in constants.items() if all(value.get(k) in (c, UNKNOWN) for k, c in want.items())]
    if fitting:
        yield from min((list(_object_problems(value, o, path)) for o in fitting), key=len)
        return
    key = next(k for want in constants.values() for k in want)
    choices = {want[key] for want in constants.values() if key in want}
    yield join(path, key), f"{shown(value.get(key))} is not one of {listed(choices)}"


def _alternative(value: Any, type_: Any, path: str) -> Iterator[Problem]:
    if isinstance(type_, str):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = {
            "str": isinstance(value, str),
            "bool": isinstance(value, bool),
            "float": number,
            "int": number and value == int(value),
        }
        if not fits[type_]:
            yield path, f"expected {described([type_])}, got {shown(value)}"
    elif "enum" in type_:
        if value not in type_["enum"]:
            near = difflib.get_close_matches(str(value), [str(v) for v in type_["enum"]], 1)
            hint = f", did you mean '{near[0]}'?" if near else ""
            yield path, f"{shown(value)} is not one of {listed(type_['enum'])}{hint}"
    elif "list" in type_:
        if not isinstance(value, list):
            yield path, f"expected a list, got {shown(value)}"
            return
        for index, item in enumerate(value):
            yield from _problems(item, type_["list"], f"{path}[{index}]")
    elif not isinstance(value, dict):
        yield path, f"expected an object, got {shown(value)}"
    elif "map" in type_:
        for key, item in value.items():
            if item is None:
                yield join(path, key), f"expected {described(type_['map'])}, got null"
            else:
                yield from _problems(item, type_["map"], join(path, key))


def preview(token: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs before anything exists: the inputs, and unknown for all that only Azure can say."""
    return {name: _filled(type_, inputs.get(name)) for name, type_ in resource(token)["outputs"].items()}


def _filled(type_: list[Any], value: Any) -> Any:
    if value is None or value == UNKNOWN:
        return UNKNOWN
    only = type_[0] if len(type_) == 1 and isinstance(type_[0], dict) else {}
    if isinstance(value, dict) and "object" in only:
        return value | {k: _filled(t, value.get(k)) for k, (t, _, _) in objects()[only["object"]].items()}
    if isinstance(value, list):
        # A list of ids may come out as an object.
        return [_filled(only["list"], item) for item in value] if "list" in only else UNKNOWN
    return value


def described(type_: list[Any]) -> str:
    words = {"str": "a string", "bool": "true or false", "float": "a number", "int": "a whole number", "any": "a value"}
    kinds = {"list": "a list", "map": "an object", "object": "an object"}
    found: list[str] = []
    for one in type_:
        if isinstance(one, str):
            found.append(words[one])
        elif "enum" in one:
            found.append(f"one of {listed(one['enum'])}")
        else:
            found.append(next(kinds[k] for k in one))
    return " or ".join(dict.fromkeys(found)) or "a value"


def listed(values: Iterable[Any]) -> str:
    return ", ".join(sorted(map(shown, values)))


def shown(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else repr(value)


def join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
