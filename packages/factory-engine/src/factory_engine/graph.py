"""Dependencies between activities, and what their outcomes make of the whole.

https://learn.microsoft.com/azure/data-factory/tutorial-pipeline-failure-error-handling and
concepts-pipelines-activities, Activity dependency.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from factory_engine.definitions import Json, dependencies

Decision = Literal["run", "skip", "wait"]
CONDITIONS = ("Succeeded", "Failed", "Skipped", "Completed")


def decide(activity: Json, statuses: Mapping[str, str]) -> Decision:
    """Whether an activity runs, given the final statuses so far.

    It waits for all that it depends on. Then it runs when each of them meets one of its conditions (Completed means
    Succeeded or Failed); otherwise it is skipped, so that Skipped spreads.
    """
    needed = dependencies(activity)
    if any(name not in statuses for name in needed):
        return "wait"
    met = all(_meets(statuses[name], conditions) for name, conditions in needed.items())
    return "run" if met else "skip"


def _meets(status: str, conditions: Sequence[str]) -> bool:
    return status in conditions or ("Completed" in conditions and status in ("Succeeded", "Failed"))


def failed(activities: Sequence[Json], statuses: Mapping[str, str]) -> list[str]:
    """Names of the activities for which the whole fails, in the order of definition; empty when it succeeds.

    The leaves count, those that nothing depends on. In place of a skipped leaf those it depends on are evaluated.
    """
    by_name = {str(activity["name"]): activity for activity in activities}
    depended = {name for activity in activities for name in dependencies(activity)}
    evaluated: set[str] = set()
    waiting = [name for name in by_name if name not in depended]
    while waiting:
        name = waiting.pop()
        if statuses[name] == "Skipped":
            waiting += dependencies(by_name[name])
        else:
            evaluated.add(name)
    return [name for name in by_name if name in evaluated and statuses[name] != "Succeeded"]


def ancestors(activities: Sequence[Json]) -> dict[str, frozenset[str]]:
    """For each activity the names of all it depends on, directly or not (names that do not exist are left out)."""
    direct: dict[str, Any] = {str(activity.get("name")): set(dependencies(activity)) for activity in activities}
    found: dict[str, frozenset[str]] = {}
    for name in direct:
        seen: set[str] = set()
        waiting = list(direct[name])
        while waiting:
            each = waiting.pop()
            if each not in seen and each in direct:
                seen.add(each)
                waiting += direct[each]
        found[name] = frozenset(seen)
    return found
