"""Typed parameters and variables: defaults, required ones, values of the declared type."""

import copy
from collections.abc import Mapping
from typing import Any

from factory_engine.expressions.conversion import kind

_KINDS = {
    "string": ("String",),
    "securestring": ("String",),
    "int": ("Integer",),
    "float": ("Float", "Integer"),
    "bool": ("Boolean",),
    "boolean": ("Boolean",),
    "array": ("Array",),
    "object": ("Object",),
}
PARAMETER_TYPES = ("String", "SecureString", "Int", "Float", "Bool", "Array", "Object")
VARIABLE_TYPES = ("String", "Bool", "Boolean", "Array")


class ParameterError(ValueError):
    """Parameters that do not fit their declaration; the message names each."""


def fits(value: Any, type_name: str) -> bool:
    """Whether a JSON value is of a declared type; the names of types are not case-sensitive."""
    return kind(value) in _KINDS.get(type_name.lower(), ())


def bind(specification: Mapping[str, Any], given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Values of all declared parameters of `what`: those given, else their defaults. Raises ParameterError."""
    names = {name.lower(): name for name in specification}
    problems = [f"{what} has no parameter '{name}'" for name in given if name.lower() not in names]
    values = {names[name.lower()]: value for name, value in given.items() if name.lower() in names}
    bound: dict[str, Any] = {}
    for name, declared in specification.items():
        if name not in values and "defaultValue" not in declared:
            problems.append(f"{what} requires the parameter '{name}' of type {declared.get('type')}")
            continue
        value = values.get(name, declared.get("defaultValue"))
        if not fits(value, str(declared.get("type"))):
            problems.append(f"the parameter '{name}' of {what} expects {declared.get('type')}, found {kind(value)}")
        bound[name] = copy.deepcopy(value)
    if problems:
        raise ParameterError("; ".join(problems))
    return bound


def initial_variables(specification: Mapping[str, Any]) -> dict[str, Any]:
    """The variables at a run's start: their defaults, else the empty value of their type."""
    empty: dict[str, Any] = {"string": "", "bool": False, "boolean": False, "array": []}
    return {
        name: copy.deepcopy(declared.get("defaultValue", empty[str(declared.get("type")).lower()]))
        for name, declared in specification.items()
    }
