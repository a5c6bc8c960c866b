"""Checks datasets, linked services, triggers, and a factory as a whole."""

from collections.abc import Iterator
from typing import Any

from factory_engine.checks.pipelines import check_pipeline
from factory_engine.checks.problems import Problem
from factory_engine.checks.typed import (
    Finding,
    check_arguments,
    check_declarations,
    check_expressions,
    check_name,
    check_reference,
)
from factory_engine.definitions import Factory, Json, find, properties, seconds_of, type_properties
from factory_engine.expressions import Place
from factory_engine.expressions.references import SCHEDULE, WINDOW
from factory_engine.parameters import PARAMETER_TYPES
from factory_engine.triggers import FREQUENCIES, RECURRENCES, utc


def check_factory(factory: Factory) -> list[Problem]:
    """All problems of a factory's linked services, datasets and pipelines."""
    found: list[Problem] = []
    for name, definition in factory.linked_services.items():
        found += check_linked_service(name, definition)
    for name, definition in factory.datasets.items():
        found += check_dataset(name, definition, factory)
    for name, definition in factory.pipelines.items():
        found += check_pipeline(name, definition, factory)
    return found


def check_linked_service(name: str, definition: Json) -> list[Problem]:
    inner = properties(definition)
    place = Place(linked_service=frozenset(inner.get("parameters") or ()))
    return _problems(f"linked service '{name}'", [*_named(name, inner), *_typed(inner, place)])


def check_dataset(name: str, definition: Json, factory: Factory) -> list[Problem]:
    inner = properties(definition)
    place = Place(dataset=frozenset(inner.get("parameters") or ()))
    reference = check_reference(
        inner.get("linkedServiceName"), factory.linked_services, "linked service", "linkedServiceName", place
    )
    return _problems(f"dataset '{name}'", [*_named(name, inner), *_typed(inner, place), *reference])


def check_trigger(name: str, definition: Json, factory: Factory) -> list[Problem]:
    """Problems of a tumbling-window trigger, or of a schedule trigger with a plain recurrence."""
    inner = properties(definition)
    checks = {"TumblingWindowTrigger": _tumbling, "ScheduleTrigger": _schedule}
    check = checks.get(str(inner.get("type")))
    if check is None:
        message = f"the trigger type {inner.get('type')!r} is not supported, supported are {', '.join(checks)}"
        return [Problem(resource=f"trigger '{name}'", property="type", message=message)]
    return _problems(f"trigger '{name}'", [*check_name(name, 260), *check(inner, factory)])


def _problems(resource: str, findings: list[Finding]) -> list[Problem]:
    return [Problem(resource=resource, property=path, message=message) for path, message in findings]


def _named(name: str, inner: Json) -> Iterator[Finding]:
    yield from check_name(name, 260)
    if not inner.get("type"):
        yield "type", "is required"


def _typed(inner: Json, place: Place) -> Iterator[Finding]:
    yield from check_declarations(inner.get("parameters"), "parameters", PARAMETER_TYPES)
    yield from check_expressions(type_properties(inner), place, "typeProperties")


def _tumbling(inner: Json, factory: Factory) -> Iterator[Finding]:
    own = type_properties(inner)
    yield from _recurring(own, "typeProperties", tuple(FREQUENCIES))
    # The minimum is the article's.
    if own.get("frequency") == "Minute" and isinstance(own.get("interval"), int) and own["interval"] < 5:
        yield "typeProperties.interval", f"expected at least 5 minutes, found {own['interval']}"
    if not _whole(own.get("maxConcurrency"), 1, 50):
        yield (
            "typeProperties.maxConcurrency",
            f"expected a whole number from 1 to 50, found {own.get('maxConcurrency')!r}",
        )
    if own.get("dependsOn"):
        yield "typeProperties.dependsOn", "dependencies between triggers are not supported"
    retry = own.get("retryPolicy") or {}
    if not _whole(retry.get("count", 0), 0, 2**31):
        yield "typeProperties.retryPolicy.count", f"expected a whole number, found {retry.get('count')!r}"
    if not _whole(retry.get("intervalInSeconds", 30), 30, 86_400):
        found = retry.get("intervalInSeconds")
        yield "typeProperties.retryPolicy.intervalInSeconds", f"expected 30 to 86400, found {found!r}"
    try:
        seconds_of(own.get("delay") or "00:00:00")
    except ValueError as error:
        yield "typeProperties.delay", str(error)
    yield from _pipeline(inner.get("pipeline"), "pipeline", factory, WINDOW)


def _schedule(inner: Json, factory: Factory) -> Iterator[Finding]:
    recurrence = type_properties(inner).get("recurrence") or {}
    yield from _recurring(recurrence, "typeProperties.recurrence", tuple(RECURRENCES))
    if recurrence.get("schedule"):
        yield "typeProperties.recurrence.schedule", "is not supported, only frequency and interval are"
    if recurrence.get("timeZone", "UTC") != "UTC":
        yield "typeProperties.recurrence.timeZone", f"only UTC is supported, found {recurrence['timeZone']!r}"
    if not inner.get("pipelines"):
        yield "pipelines", "expected at least one pipeline"
    for index, each in enumerate(inner.get("pipelines") or ()):
        yield from _pipeline(each, f"pipelines[{index}]", factory, SCHEDULE)


def _recurring(own: Json, path: str, frequencies: tuple[str, ...]) -> Iterator[Finding]:
    if own.get("frequency") not in frequencies:
        yield f"{path}.frequency", f"expected one of {', '.join(frequencies)}, found {own.get('frequency')!r}"
    if not _whole(own.get("interval"), 1, 2**31):
        yield f"{path}.interval", f"expected a whole number from 1, found {own.get('interval')!r}"
    for name in ("startTime", "endTime"):
        if own.get(name) is None and name == "endTime":
            continue
        try:
            utc(str(own.get(name)))
        except ValueError:
            yield f"{path}.{name}", f"expected a time in UTC such as 2026-01-01T00:00:00Z, found {own.get(name)!r}"


def _pipeline(reference: Any, path: str, factory: Factory, seen: tuple[str, ...]) -> Iterator[Finding]:
    target = str(((reference or {}).get("pipelineReference") or {}).get("referenceName", ""))
    found = find(factory.pipelines, target)
    if found is None:
        yield f"{path}.pipelineReference", f"the pipeline '{target}' does not exist"
        return
    given = reference.get("parameters") or {}
    yield from check_expressions(given, Place(trigger=seen), f"{path}.parameters")
    yield from check_arguments(given, properties(found[1]).get("parameters") or {}, f"the pipeline '{target}'", path)


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
