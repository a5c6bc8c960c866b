"""Checks a pipeline: its graph, its activities, what they refer to."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from factory_engine.checks.activities import check_activity
from factory_engine.checks.problems import Problem
from factory_engine.checks.typed import Finding, check_declarations, check_name
from factory_engine.definitions import Factory, Json, activities_of, all_activities, branches, dependencies, properties
from factory_engine.expressions import Place
from factory_engine.graph import CONDITIONS, ancestors
from factory_engine.parameters import PARAMETER_TYPES, VARIABLE_TYPES

# https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits, Data Factory
MAXIMUM_ACTIVITIES = 120
MAXIMUM_PARAMETERS = 50


def check_pipeline(name: str, definition: Json | None, factory: Factory) -> list[Problem]:
    """All problems of a pipeline, each with its activity and property; empty when it can run."""
    resource = f"pipeline '{name}'"
    if definition is None:
        return [Problem(resource=resource, message="does not exist")]
    inner = properties(definition)
    activities = activities_of(definition)
    found = [Problem(resource=resource, property=path, message=message) for path, message in _own(name, inner)]
    whole = list(all_activities(activities))
    found += [
        Problem(resource=resource, activity=str(activity), property=path, message=message)
        for activity, path, message in _names(whole)
    ]
    if any(problem.property == "name" for problem in found):
        return found
    place = Place(
        parameters=frozenset(inner.get("parameters") or ()),
        global_parameters=frozenset(factory.global_parameters),
        variables=frozenset(inner.get("variables") or ()),
        activities=frozenset(),
        hidden=frozenset(str(each["name"]) for each in whole),
    )
    for activity, path, message in _list(activities, place, (), factory):
        found.append(Problem(resource=resource, activity=activity, property=path, message=message))
    return found


def _own(name: str, inner: Json) -> Iterator[Finding]:
    yield from check_name(name, 140)
    yield from check_declarations(inner.get("parameters"), "parameters", PARAMETER_TYPES)
    yield from check_declarations(inner.get("variables"), "variables", VARIABLE_TYPES)
    if not inner.get("activities"):
        yield "activities", "expected at least one activity"
    count = sum(1 for _ in all_activities(list(inner.get("activities") or ())))
    for what, number, maximum in (
        ("activities", count, MAXIMUM_ACTIVITIES),
        ("parameters", len(inner.get("parameters") or ()), MAXIMUM_PARAMETERS),
    ):
        if number > maximum:
            yield what, f"expected at most {maximum}, found {number}"


Located = tuple[str, str, str]


def _names(activities: Sequence[Json]) -> Iterator[Located]:
    seen: set[str] = set()
    for activity in activities:
        name = str(activity.get("name", ""))
        for path, message in check_name(name, 55):
            yield name, path, message
        if name.lower() in seen:
            yield name, "name", "another activity of the pipeline has the same name"
        seen.add(name.lower())


def _list(activities: Sequence[Json], place: Place, inside: tuple[str, ...], factory: Factory) -> Iterator[Located]:
    """Checks one list of activities and those within; `inside` are the types of the containers around it."""
    before = ancestors(activities)
    by_name = {str(activity["name"]): activity for activity in activities}
    for name, activity in by_name.items():
        for path, message in _dependencies(activity, by_name, before):
            yield name, path, message
        known = replace(place, activities=(place.activities or frozenset()) | _visible(before[name], by_name))
        for path, message in check_activity(activity, known, inside, factory):
            yield name, path, message
        for each in branches(activity).values():
            yield from _list(each, known, (*inside, str(activity["type"])), factory)


def _visible(names: frozenset[str], by_name: dict[str, Json]) -> frozenset[str]:
    """Activities that ended before, and what stood in a loop among them; what stood in a branch may not have run."""
    visible = set(names)
    for name in names:
        if by_name[name].get("type") == "Until":
            visible |= {str(each["name"]) for each in all_activities(branches(by_name[name])["activities"])}
    return frozenset(visible)


def _dependencies(activity: Json, by_name: dict[str, Json], before: dict[str, frozenset[str]]) -> Iterator[Finding]:
    name = str(activity["name"])
    for index, each in enumerate(activity.get("dependsOn") or ()):
        path = f"dependsOn[{index}]"
        target, conditions = str(each.get("activity")), list(each.get("dependencyConditions") or ())
        if target not in by_name:
            yield f"{path}.activity", f"the activity '{target}' does not exist beside this one"
        yield from _conditions(conditions, path)
    if len(dependencies(activity)) < len(activity.get("dependsOn") or ()):
        yield "dependsOn", "an activity is named twice"
    if name in before[name]:
        yield "dependsOn", f"depends on itself through {', '.join(sorted(before[name]))}"


def _conditions(conditions: list[Any], path: str) -> Iterator[Finding]:
    unknown = [each for each in conditions if each not in CONDITIONS]
    if unknown or not conditions:
        yield f"{path}.dependencyConditions", f"expected some of {', '.join(CONDITIONS)}, found {conditions}"
    if "Completed" in conditions and {"Succeeded", "Failed"} & set(conditions):
        yield f"{path}.dependencyConditions", "Completed cannot stand beside Succeeded or Failed"
