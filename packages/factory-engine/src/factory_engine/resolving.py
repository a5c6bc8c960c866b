"""Puts parameters into datasets and linked services."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from factory_engine.definitions import Factory, Json, find, properties, type_properties
from factory_engine.expressions import Scope, evaluate
from factory_engine.parameters import ParameterError, bind
from factory_engine.world import ActivityError, Dataset, LinkedService


def linked_service(factory: Factory, reference: Json, scope: Scope) -> LinkedService:
    """The linked service of a reference whose parameters are evaluated in `scope`. Raises ActivityError."""
    name, declared = _found(factory.linked_services, reference, "linked service")
    inside = _inside("linkedservice", f"the linked service '{name}'", declared, reference, scope)
    return LinkedService(
        name=name,
        type=str(declared.get("type")),
        properties=evaluate(type_properties(declared), inside),
        connect_via=(declared.get("connectVia") or {}).get("referenceName"),
    )


def dataset(factory: Factory, reference: Json, scope: Scope) -> Dataset:
    """The dataset of a reference whose parameters are evaluated in `scope`, with its linked service."""
    name, declared = _found(factory.datasets, reference, "dataset")
    inside = _inside("dataset", f"the dataset '{name}'", declared, reference, scope)
    return Dataset(
        name=name,
        type=str(declared.get("type")),
        properties=evaluate(type_properties(declared), inside),
        linked_service=linked_service(factory, declared.get("linkedServiceName") or {}, inside),
        schema=copy.deepcopy(declared.get("schema")),
    )


def _found(definitions: Mapping[str, Json], reference: Json, what: str) -> tuple[str, Json]:
    found = find(definitions, str(reference.get("referenceName")))
    if found is None:
        msg = f"The {what} '{reference.get('referenceName')}' does not exist"
        raise ActivityError("BadRequest", msg)
    return found[0], properties(found[1])


def _inside(function: str, what: str, declared: Json, reference: Json, scope: Scope) -> Scope:
    given: dict[str, Any] = evaluate(dict(reference.get("parameters") or {}), scope)
    try:
        bound = bind(declared.get("parameters") or {}, given, what)
    except ParameterError as error:
        raise ActivityError("BadRequest", str(error)) from None
    return replace(scope, references={function: bound}, activities={}, variables={})
