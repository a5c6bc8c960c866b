"""Dependencies, skipping and the status of a run.

https://learn.microsoft.com/azure/data-factory/tutorial-pipeline-failure-error-handling (TUTORIAL) and
https://learn.microsoft.com/azure/data-factory/concepts-pipelines-activities, Activity dependency (CONCEPTS).
"""

from typing import Any

import pytest
from factory_engine import ActivityError
from factory_engine.graph import decide, failed
from factory_engine.testing import ScriptedWorld, activity, factory_of, run_pipeline, web
from hypothesis import given, settings
from hypothesis import strategies as st

OK, BAD, SKIP, DONE = ["Succeeded"], ["Failed"], ["Skipped"], ["Completed"]

# sentence, activities, those that fail, those that ran, status of the run
CASES: list[tuple[str, list[dict[str, Any]], set[str], set[str], str]] = [
    ("CONCEPTS: without dependencies all run", [web("A"), web("B")], set(), {"A", "B"}, "Succeeded"),
    ("CONCEPTS: Succeeded runs after success", [web("A"), web("B", {"A": OK})], set(), {"A", "B"}, "Succeeded"),
    ("CONCEPTS: Succeeded is skipped after failure", [web("A"), web("B", {"A": OK})], {"A"}, {"A"}, "Failed"),
    ("CONCEPTS: Failed is skipped after success", [web("A"), web("B", {"A": BAD})], set(), {"A"}, "Succeeded"),
    ("CONCEPTS: Completed runs after failure", [web("A"), web("B", {"A": DONE})], {"A"}, {"A", "B"}, "Succeeded"),
    (
        "CONCEPTS: Completed is skipped after a skipped activity",
        [web("A"), web("B", {"A": OK}), web("C", {"B": DONE})],
        {"A"},
        {"A"},
        "Failed",
    ),
    (
        "CONCEPTS: Skipped spreads along X -> Y -> Z",
        [web("X"), web("Y", {"X": OK}), web("Z", {"Y": OK}), web("Q", {"Z": SKIP})],
        {"X"},
        {"X", "Q"},
        "Succeeded",
    ),
    ("TUTORIAL: try-catch, the activity fails", [web("A"), web("C", {"A": BAD})], {"A"}, {"A", "C"}, "Succeeded"),
    ("TUTORIAL: try-catch, the handler fails", [web("A"), web("C", {"A": BAD})], {"A", "C"}, {"A", "C"}, "Failed"),
    (
        "TUTORIAL: do-if-else, the activity fails",
        [web("A"), web("S", {"A": OK}), web("F", {"A": BAD})],
        {"A"},
        {"A", "F"},
        "Failed",
    ),
    (
        "TUTORIAL: do-if-else, the activity succeeds",
        [web("A"), web("S", {"A": OK}), web("F", {"A": BAD})],
        set(),
        {"A", "S"},
        "Succeeded",
    ),
    (
        "TUTORIAL: do-if-skip-else, the activity fails",
        [web("A"), web("S", {"A": OK}), web("D", {"S": SKIP}), web("F", {"A": BAD})],
        {"A"},
        {"A", "F", "D"},
        "Succeeded",
    ),
    (
        "TUTORIAL: do-if-skip-else, the activity succeeds",
        [web("A"), web("S", {"A": OK}), web("D", {"S": SKIP}), web("F", {"A": BAD})],
        set(),
        {"A", "S"},
        "Succeeded",
    ),
    (
        "TUTORIAL: and, one of two fails",
        [web("A"), web("B"), web("C", {"A": OK, "B": OK})],
        {"B"},
        {"A", "B"},
        "Failed",
    ),
    (
        "TUTORIAL: success of one and completion of the other",
        [web("A"), web("B"), web("C", {"A": OK, "B": DONE})],
        {"B"},
        {"A", "B", "C"},
        "Succeeded",
    ),
    (
        "TUTORIAL: generic error handling, the first of a chain fails",
        [web("A"), web("B", {"A": OK}), web("E", {"B": ["Failed", "Skipped"]})],
        {"A"},
        {"A", "E"},
        "Succeeded",
    ),
    (
        "TUTORIAL: generic error handling, the last of a chain fails",
        [web("A"), web("B", {"A": OK}), web("E", {"B": ["Failed", "Skipped"]})],
        {"B"},
        {"A", "B", "E"},
        "Succeeded",
    ),
    (
        "TUTORIAL: generic error handling, nothing fails",
        [web("A"), web("B", {"A": OK}), web("E", {"B": ["Failed", "Skipped"]})],
        set(),
        {"A", "B"},
        "Succeeded",
    ),
    (
        "TUTORIAL: try-catch-proceed, the first activity succeeds",
        [web("A"), web("E", {"A": BAD}), web("N", {"E": ["Succeeded", "Skipped"]})],
        set(),
        {"A", "N"},
        "Succeeded",
    ),
    (
        "TUTORIAL: try-catch-proceed, the first activity fails",
        [web("A"), web("E", {"A": BAD}), web("N", {"E": ["Succeeded", "Skipped"]})],
        {"A"},
        {"A", "E", "N"},
        "Succeeded",
    ),
]


@pytest.mark.parametrize(("sentence", "activities", "failing", "ran", "status"), CASES, ids=[case[0] for case in CASES])
def test_outcome(sentence: str, activities: list[Any], failing: set[str], ran: set[str], status: str) -> None:
    world = ScriptedWorld()
    world.answers = {name: [ActivityError("7", f"{name} is out")] for name in failing}
    record, runs = run_pipeline(factory_of(*activities), "score", world)
    assert (record["status"], {run["activityName"] for run in runs}) == (status, ran)
    assert {run["activityName"] for run in runs if run["status"] == "Failed"} == failing


def test_a_failed_run_names_the_activities_and_their_errors() -> None:
    world = ScriptedWorld()
    world.answers = {"A": [ActivityError("7", "no water")], "B": [ActivityError("8", "no power", "SystemError")]}
    record, runs = run_pipeline(factory_of(web("A"), web("B"), web("C", {"A": OK})), "score", world)
    assert record["message"] == "Operation on target A failed: no water\nOperation on target B failed: no power"
    assert runs[1]["error"] == {
        "errorCode": "8",
        "message": "no power",
        "failureType": "SystemError",
        "target": "B",
        "details": "",
    }


def test_a_later_activity_sees_output_status_and_error_of_an_earlier_one() -> None:
    after = activity(
        "After",
        "SetVariable",
        {"variableName": "said", "value": "@{activity('A').Status}: @{activity('A').error.message}"},
        {"A": DONE},
    )
    world = ScriptedWorld()
    world.answers = {"A": [ActivityError("7", "no water")]}
    _, runs = run_pipeline(factory_of(web("A"), after, variables={"said": {"type": "String"}}), "score", world)
    assert runs[-1]["output"] == {"name": "said", "value": "Failed: no water"}


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """A random graph and what each activity would come to when it runs."""
    count = draw(st.integers(1, 6))
    conditions = st.lists(st.sampled_from(["Succeeded", "Failed", "Skipped"]), min_size=1, max_size=2, unique=True)
    activities = [
        web(str(n), draw(st.dictionaries(st.sampled_from([str(m) for m in range(n)]), conditions)) if n else {})
        for n in range(count)
    ]
    fates = {str(n): draw(st.sampled_from(["Succeeded", "Failed"])) for n in range(count)}
    return activities, fates


@settings(deadline=None)
@given(graphs())
def test_a_run_agrees_with_the_rules_taken_one_activity_at_a_time(graph: Any) -> None:
    activities, fates = graph
    statuses: dict[str, str] = {}
    for each in activities:  # dependencies point backwards, so one pass decides all
        statuses[each["name"]] = fates[each["name"]] if decide(each, statuses) == "run" else "Skipped"
    world = ScriptedWorld()
    world.answers = {name: [ActivityError("1", "x")] for name, fate in fates.items() if fate == "Failed"}
    record, runs = run_pipeline(factory_of(*activities), "score", world)
    assert {run["activityName"]: run["status"] for run in runs} == {
        name: status for name, status in statuses.items() if status != "Skipped"
    }
    assert record["status"] == ("Failed" if failed(activities, statuses) else "Succeeded")
