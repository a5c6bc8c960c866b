"""Checks that pipelines, datasets, linked services and triggers share: names, declarations, references, expressions."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from factory_engine.definitions import Json, find, properties
from factory_engine.expressions import ExpressionError, Place, check, expressions_in
from factory_engine.expressions.conversion import kind
from factory_engine.expressions.template import is_expression
from factory_engine.parameters import fits

# Findings of a part of a definition: path of the property, message.
Finding = tuple[str, str]

# https://learn.microsoft.com/azure/data-factory/naming-rules
_NAME = re.compile(r"[A-Za-z0-9_][^.+?/<>*%&:\\]*")
MAXIMUM_EXPRESSION = 8192


def check_name(name: str, longest: int) -> Iterator[Finding]:
    if not _NAME.fullmatch(name) or len(name) > longest:
        yield (
            "name",
            f"expected a letter, digit or _ first, none of . + ? / < > * % & : \\, at most {longest} characters, "
            f"found {name!r}",
        )


def check_declarations(declared: Any, where: str, types: tuple[str, ...]) -> Iterator[Finding]:
    """Parameters or variables: known types, defaults of that type, and no expression as a default."""
    for name, each in (declared or {}).items():
        type_name = str(each.get("type"))
        if type_name.lower() not in {each.lower() for each in types}:
            yield f"{where}.{name}.type", f"expected one of {', '.join(types)}, found {type_name!r}"
        elif "defaultValue" in each and is_dynamic(each["defaultValue"]):
            yield f"{where}.{name}.defaultValue", "a default is not evaluated, found an expression"
        elif "defaultValue" in each and not fits(each["defaultValue"], type_name):
            yield f"{where}.{name}.defaultValue", f"expected {type_name}, found {kind(each['defaultValue'])}"


def check_expressions(value: Any, place: Place, prefix: str = "") -> Iterator[Finding]:
    for path, source in expressions_in(value, prefix):
        if len(source) > MAXIMUM_EXPRESSION:
            yield path, f"an expression has at most {MAXIMUM_EXPRESSION} characters, found {len(source)}"
        for error in check(source, place):
            yield path, str(error)


def check_reference(
    reference: Any, definitions: Mapping[str, Json], what: str, path: str, place: Place
) -> Iterator[Finding]:
    """A reference to a dataset or a linked service: it exists, its parameters are those declared, of their types."""
    if not isinstance(reference, Mapping) or "referenceName" not in reference:
        yield path, f"expected a reference to a {what}"
        return
    found = find(definitions, str(reference["referenceName"]))
    if found is None:
        yield f"{path}.referenceName", f"the {what} '{reference['referenceName']}' does not exist"
        return
    given = reference.get("parameters") or {}
    yield from check_expressions(given, place, f"{path}.parameters")
    yield from check_arguments(given, properties(found[1]).get("parameters") or {}, f"the {what} '{found[0]}'", path)


def check_arguments(given: Mapping[str, Any], declared: Json, what: str, path: str) -> Iterator[Finding]:
    """Values given to parameters; those with an expression are checked for their type when they are known."""
    names = {name.lower(): name for name in declared}
    for name, value in given.items():
        if name.lower() not in names:
            yield f"{path}.parameters.{name}", f"{what} has no such parameter"
        elif not is_dynamic(value) and not fits(value, str(declared[names[name.lower()]].get("type"))):
            expected = declared[names[name.lower()]].get("type")
            yield f"{path}.parameters.{name}", f"expected {expected}, found {kind(value)}"
    for name, each in declared.items():
        if "defaultValue" not in each and name.lower() not in {given_name.lower() for given_name in given}:
            yield f"{path}.parameters", f"{what} requires the parameter '{name}'"


def is_dynamic(value: Any) -> bool:
    """Whether a value holds an expression, so that only the run knows it."""
    if is_expression(value):
        return True
    return any(_evaluated(source) for _, source in expressions_in(value))


def _evaluated(source: str) -> bool:
    from factory_engine.expressions import parse

    try:
        return bool(parse(source).nodes)
    except ExpressionError:
        return True
