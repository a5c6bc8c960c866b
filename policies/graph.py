"""Who refers to whom in a stack. Ids are unknown before the first deployment; what a property depends on never is."""

from collections.abc import Iterable, Iterator

from pulumi_policy import PolicyResource

from policies.inputs import read
from policies.rule import inputs, kind


def of_kind(resources: Iterable[PolicyResource], *tokens: str) -> Iterator[PolicyResource]:
    return (resource for resource in resources if kind(resource.resource_type) in tokens)


def linked(resource: PolicyResource, property: str, *tokens: str) -> list[PolicyResource]:
    """The resources of these types whose outputs went into the top-level `property`."""
    return list(of_kind(resource.property_dependencies.get(property, []), *tokens))


def refers(resource: PolicyResource, property: str, target: PolicyResource) -> bool:
    """Whether the top-level `property` was built from `target`, or from something that was itself built from it."""
    seen: set[str] = set()
    waiting = list(resource.property_dependencies.get(property, []))
    while waiting:
        found = waiting.pop()
        if found.urn == target.urn:
            return True
        if found.urn not in seen and kind(found.resource_type) in PARTS:
            seen.add(found.urn)
            waiting += found.dependencies
    return False


# Resources that are a piece of another one: to refer to the piece is to refer to the whole.
PARTS = ("storage:BlobContainer", "storage:BlobServiceProperties", "eventhub:EventHub")


def named(resources: Iterable[PolicyResource], token: str, property: str, name: object) -> list[PolicyResource]:
    """The resources whose own name, an input, is `name`: for programs that pass names as plain strings."""
    return [
        found for found in of_kind(resources, token) if isinstance(name, str) and read(inputs(found), property) == name
    ]
