"""Runs pipelines in tests: builders of definitions, a world that answers from a script, a clock that jumps."""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from factory_engine.definitions import Factory
from factory_engine.pipeline import PipelineRun
from factory_engine.records import Invocation, Record
from factory_engine.virtual_clock import VirtualClock
from factory_engine.world import ActivityError, Clock, Output, World

Answer = Output | ActivityError


class ScriptedWorld:
    """Answers each activity from its list, the last answer again and again; `seconds` pass on the clock before."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock
        self.answers: dict[str, list[Answer]] = {}
        self.seconds: dict[str, float] = {}
        self.requests: list[Any] = []

    async def _answer(self, request: Any) -> Output:
        self.requests.append(request)
        name = request.context.activity
        if self.clock is not None and name in self.seconds:
            await self.clock.sleep(self.seconds[name])
        answers = self.answers.get(name, [{}])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, ActivityError):
            raise answer
        return answer

    web = copy = script = get_metadata = delete = _answer


def web(name: str, after: dict[str, list[str]] | None = None, **more: Any) -> dict[str, Any]:
    """A Web activity; `after` maps the activities it depends on to the conditions."""
    properties = {"url": "https://example.org", "method": "GET", **more.pop("properties", {})}
    return activity(name, "WebActivity", properties, after, **more)


def activity(
    name: str, kind: str, properties: dict[str, Any], after: dict[str, list[str]] | None = None, **more: Any
) -> dict[str, Any]:
    depends = [{"activity": other, "dependencyConditions": conditions} for other, conditions in (after or {}).items()]
    return {"name": name, "type": kind, "typeProperties": properties, "dependsOn": depends, **more}


def expression(text: str) -> dict[str, str]:
    return {"type": "Expression", "value": text}


def factory_of(*activities: dict[str, Any], **properties: Any) -> Factory:
    """A factory with one pipeline, `score`."""
    return Factory(name="plant", pipelines={"score": {"properties": {"activities": list(activities), **properties}}})


def counting_ids() -> Callable[[], str]:
    """GUIDs that count, for records that are the same at every run."""
    numbers = itertools.count(1)
    return lambda: f"00000000-0000-0000-0000-{next(numbers):012}"


def run_pipeline(
    factory: Factory,
    pipeline: str,
    world: World,
    parameters: Mapping[str, Any] | None = None,
    *,
    clock: VirtualClock | None = None,
    invocation: Invocation | None = None,
) -> tuple[Record, list[Record]]:
    """Runs a pipeline to its end: the pipeline run's record, and those of the activity runs in order of their start."""
    clock = clock or VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    activities: dict[str, Record] = {}

    def keep(kind: str, record: Record) -> None:
        if kind == "activityRun":
            activities[record["activityRunId"]] = record

    async def go() -> Record:
        run = PipelineRun(
            factory=factory,
            pipeline=pipeline,
            world=world,
            clock=clock,
            parameters=parameters,
            invocation=invocation,
            on_change=keep,
            new_id=counting_ids(),
        )
        return await clock.drive(run.execute())

    record = asyncio.run(go())
    return record, sorted(activities.values(), key=lambda each: (each["activityRunStart"], each["activityRunId"]))
