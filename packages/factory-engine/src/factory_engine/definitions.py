"""Reads the ARM JSON of a factory: pipelines, activities, datasets, linked services."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]

# The pattern in the REST API's description of every timeout and delay; 60 is written there too.
_TIMESPAN = re.compile(r"((?P<days>\d+)\.)?(?P<hours>\d\d):(?P<minutes>60|[0-5]\d):(?P<seconds>60|[0-5]\d)")


@dataclass(frozen=True, kw_only=True)
class Factory:
    """The definitions of one factory, by name: ARM resources, `{"properties": …}`, or the properties alone.

    `global_parameters` holds the factory's `{"name": {"type": "String", "value": …}}`.
    """

    name: str = "factory"
    pipelines: Mapping[str, Json] = field(default_factory=dict)
    datasets: Mapping[str, Json] = field(default_factory=dict)
    linked_services: Mapping[str, Json] = field(default_factory=dict)
    global_parameters: Mapping[str, Json] = field(default_factory=dict)


def properties(definition: Json) -> Json:
    """The `properties` of an ARM resource, or the definition itself when it has none."""
    inner = definition.get("properties")
    return inner if isinstance(inner, Mapping) else definition


def activities_of(definition: Json) -> list[dict[str, Any]]:
    return list(properties(definition).get("activities") or [])


def type_properties(definition: Json) -> dict[str, Any]:
    """`typeProperties` of an activity, or of a dataset's, linked service's or trigger's properties."""
    return dict(definition.get("typeProperties") or {})


def branches(activity: Json) -> dict[str, list[dict[str, Any]]]:
    """The lists of inner activities of a container, by property name."""
    names = {"Until": ("activities",), "IfCondition": ("ifTrueActivities", "ifFalseActivities")}
    inner = type_properties(activity)
    return {name: list(inner.get(name) or []) for name in names.get(str(activity.get("type")), ())}


def all_activities(activities: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every activity, containers before what they hold."""
    for activity in activities:
        yield activity
        for inner in branches(activity).values():
            yield from all_activities(inner)


def own_properties(activity: Json) -> dict[str, Any]:
    """`typeProperties` without the inner activities, which have places of their own."""
    inside = branches(activity)
    return {name: value for name, value in type_properties(activity).items() if name not in inside}


def dependencies(activity: Json) -> dict[str, tuple[str, ...]]:
    """What an activity depends on: activity name → the conditions, one of which must hold."""
    return {
        str(each.get("activity")): tuple(each.get("dependencyConditions") or ())
        for each in activity.get("dependsOn") or ()
    }


def find(definitions: Mapping[str, Json], name: str) -> tuple[str, Json] | None:
    """A definition and its name as declared; names of factory resources are not case-sensitive."""
    for key, value in definitions.items():
        if key.lower() == str(name).lower():
            return key, value
    return None


def seconds_of(timespan: Any) -> float:
    """Seconds of `d.hh:mm:ss` or `hh:mm:ss`. Raises ValueError."""
    match = _TIMESPAN.fullmatch(timespan) if isinstance(timespan, str) else None
    if match is None:
        msg = f"expected a timespan d.hh:mm:ss or hh:mm:ss, found {timespan!r}"
        raise ValueError(msg)
    days, hours, minutes, seconds = (int(match[name] or 0) for name in ("days", "hours", "minutes", "seconds"))
    return days * 86_400 + hours * 3600 + minutes * 60 + seconds
