"""What is refused when a definition is put, each with its pipeline, activity and property."""

from dataclasses import replace
from typing import Any

import pytest
from factory_engine import DefinitionError, Factory, check_dataset, check_factory, check_linked_service, check_pipeline
from factory_engine.testing import ScriptedWorld, activity, expression, factory_of, run_pipeline, web

OK = ["Succeeded"]
LAKE = {"type": "AzureBlobFS", "typeProperties": {"url": "https://x"}}
HOUR = {
    "type": "Parquet",
    "linkedServiceName": {"referenceName": "lake", "type": "LinkedServiceReference"},
    "parameters": {"folder": {"type": "String"}},
    "typeProperties": {"location": {"folderPath": "@dataset().folder"}},
}
COPY = {"source": {"type": "ParquetSource"}, "sink": {"type": "ParquetSink"}}


def hour(**parameters: Any) -> dict[str, Any]:
    return {"referenceName": "hour", "type": "DatasetReference", "parameters": parameters}


def copy(source: dict[str, Any], **more: Any) -> dict[str, Any]:
    return activity("C", "Copy", COPY, inputs=[source], outputs=[hour(folder="out")], **more)


def until(name: str, *inside: dict[str, Any], condition: str = "@equals(1, 1)") -> dict[str, Any]:
    return activity(name, "Until", {"expression": expression(condition), "activities": list(inside)})


def branch(name: str, *inside: dict[str, Any], after: Any = None) -> dict[str, Any]:
    return activity(name, "IfCondition", {"expression": "@equals(1, 1)", "ifTrueActivities": list(inside)}, after)


def variable(name: str, value: Any, after: Any = None) -> dict[str, Any]:
    return activity(name, "SetVariable", {"variableName": "v", "value": value}, after)


CASES: list[tuple[list[dict[str, Any]], str]] = [
    ([], "activities: expected at least one activity"),
    ([activity("A", "Lookup", {})], "activity 'A', type: the activity type 'Lookup' is not supported"),
    ([activity("A", "ForEach", {})], "activity 'A', type: the activity type 'ForEach' is not supported"),
    ([web("A"), web("a")], "activity 'a', name: another activity of the pipeline has the same name"),
    ([web("A"), until("U", web("A"))], "name: another activity of the pipeline has the same name"),
    ([web("A?")], "activity 'A?', name: expected a letter, digit or _ first"),
    ([web("x" * 56)], "at most 55 characters"),
    ([web("A", {"B": OK})], "activity 'A', dependsOn[0].activity: the activity 'B' does not exist beside this one"),
    ([web("A", {"A": OK})], "activity 'A', dependsOn: depends on itself through A"),
    ([web("A", {"B": OK}), web("B", {"A": OK})], "activity 'A', dependsOn: depends on itself through A, B"),
    ([web("A"), web("B", {"A": ["Ok"]})], "dependsOn[0].dependencyConditions: expected some of Succeeded"),
    ([web("A"), web("B", {"A": []})], "dependsOn[0].dependencyConditions: expected some of Succeeded"),
    ([web("A"), web("B", {"A": ["Completed", "Failed"]})], "Completed cannot stand beside Succeeded or Failed"),
    ([activity("A", "WebActivity", {"url": "u"})], "activity 'A', typeProperties.method: is required"),
    ([web("A", properties={"method": "FETCH"})], "typeProperties.method: expected one of GET, POST"),
    ([web("A", properties={"method": "POST"})], "typeProperties.body: is required for POST"),
    ([web("A", properties={"datasets": [1]})], "typeProperties.datasets: is not supported"),
    ([web("A", properties={"httpRequestTimeout": "00:11:00"})], "expected at most 600 seconds"),
    ([web("A", state="Inactive")], "state: inactive activities are not supported"),
    (
        [web("A", policy={"retryIntervalInSeconds": 5})],
        "policy.retryIntervalInSeconds: expected a whole number from 30",
    ),
    ([web("A", policy={"retry": "2"})], "policy.retry: expected a whole number"),
    ([web("A", policy={"timeout": "10 min"})], "policy.timeout: expected a timespan d.hh:mm:ss or hh:mm:ss"),
    ([web("A", policy={"retries": 2})], "policy.retries: is none of timeout, retry"),
    ([activity("W", "Wait", {"waitTimeInSeconds": 1}, policy={"retry": 1})], "policy.retry: is none of secureInput"),
    ([activity("W", "Wait", {})], "typeProperties.waitTimeInSeconds: is required"),
    ([activity("F", "Fail", {"message": "m"})], "typeProperties.errorCode: is required"),
    ([branch("I", branch("J", web("A")))], "activity 'J', type: IfCondition cannot stand inside IfCondition"),
    ([until("U", branch("I", until("V", web("A"))))], "activity 'V', type: Until cannot stand inside Until"),
    ([until("U", web("A"), condition="true")], "typeProperties.expression: expected an expression"),
    ([variable("S", "@variables('v')")], "typeProperties.value: a variable cannot be set from itself ('v')"),
    (
        [activity("S", "SetVariable", {"variableName": "w", "value": 1})],
        "typeProperties.variableName: the variable 'w' is not declared",
    ),
    (
        [activity("S", "SetVariable", {"variableName": "v", "value": 1, "setSystemVariable": True})],
        "typeProperties.setSystemVariable: is not supported",
    ),
    ([copy({"referenceName": "day"})], "inputs[0].referenceName: the dataset 'day' does not exist"),
    ([copy(hour())], "inputs[0].parameters: the dataset 'hour' requires the parameter 'folder'"),
    ([copy(hour(folder=1))], "inputs[0].parameters.folder: expected String, found Integer"),
    ([copy(hour(folder="f", x=1))], "inputs[0].parameters.x: the dataset 'hour' has no such parameter"),
    ([copy(hour(folder="@foo(1)"))], "inputs[0].parameters.folder: the function 'foo' is not supported"),
    (
        [activity("C", "Copy", COPY, inputs=[hour(folder="f")])],
        "activity 'C', outputs: expected one dataset, found 0",
    ),
    (
        [activity("C", "Copy", {"source": {}, "sink": {"type": "s"}})],
        "typeProperties.source.type: is required",
    ),
    (
        [activity("G", "GetMetadata", {"dataset": hour(folder="f"), "fieldList": ["age"]})],
        "typeProperties.fieldList[0]: expected one of itemName",
    ),
    ([activity("S", "Script", {"scripts": [{"text": "x"}]})], "linkedServiceName: expected a reference"),
    (
        [
            activity(
                "S", "Script", {"scripts": [{"text": "x", "type": "Sql"}]}, linkedServiceName={"referenceName": "lake"}
            )
        ],
        "typeProperties.scripts[0].type: expected Query or NonQuery",
    ),
    ([web("A", properties={"url": "@pipeline().parameters.p"})], "typeProperties.url: 'p' is no property here"),
    (
        [web("A"), web("B", properties={"url": "@activity('A').output.x"})],
        "refers to an activity which is not an ancestor",
    ),
    (
        [branch("I", web("A")), web("B", {"I": OK}, properties={"url": "@activity('A').output.x"})],
        "refers to an activity which is not an ancestor",
    ),
    ([web("A", properties={"headers": {"h": "@{x"}})], "typeProperties.headers.h: '@{' has no closing '}'"),
    ([web("A", properties={"url": "@concat('" + "x" * 8192 + "')"})], "an expression has at most 8192 characters"),
    ([web(f"A{n}") for n in range(121)], "activities: expected at most 120, found 121"),
]


def factory(*activities: dict[str, Any]) -> Factory:
    made = factory_of(*activities, variables={"v": {"type": "String"}})
    return replace(made, datasets={"hour": HOUR}, linked_services={"lake": LAKE})


@pytest.mark.parametrize(("activities", "message"), CASES, ids=[case[1] for case in CASES])
def test_a_wrong_pipeline_is_refused_with_its_place(activities: list[dict[str, Any]], message: str) -> None:
    whole = factory(*activities)
    problems = [str(problem) for problem in check_pipeline("score", whole.pipelines["score"], whole)]
    assert any(message in problem for problem in problems), problems
    assert all(problem.startswith("pipeline 'score'") for problem in problems)
    with pytest.raises(DefinitionError):
        run_pipeline(whole, "score", ScriptedWorld())


RIGHT: list[list[dict[str, Any]]] = [
    [copy(hour(folder="@concat('a', 'b')"))],
    [until("U", branch("I", web("A")), web("B"), condition="@equals(activity('B').output.x, 1)")],
    [branch("I", until("U", web("A")))],
    [web("A"), variable("S", "@activity('A').output.x", {"A": OK})],
    [web("A"), web("M", {"A": OK}), web("B", {"M": OK}, properties={"url": "@activity('a').output.x"})],
    [web("A"), branch("I", web("B", properties={"url": "@activity('A').output.x"}), after={"A": OK})],
    [web("A", properties={"url": "@concat('" + "x" * 8000 + "')"}, description="d", userProperties=[])],
]


@pytest.mark.parametrize("activities", RIGHT)
def test_a_right_pipeline_passes(activities: list[dict[str, Any]]) -> None:
    assert check_factory(factory(*activities)) == []


def test_all_problems_are_reported_at_once() -> None:
    whole = factory(web("A", properties={"method": "X", "url": "@y()"}), activity("W", "Wait", {}))
    assert len(check_pipeline("score", whole.pipelines["score"], whole)) == 3


DECLARATIONS: list[tuple[dict[str, Any], str]] = [
    ({"parameters": {"p": {"type": "Date"}}}, "parameters.p.type: expected one of String"),
    ({"parameters": {"p": {"type": "Int", "defaultValue": "1"}}}, "parameters.p.defaultValue: expected Int"),
    ({"parameters": {"p": {"type": "String", "defaultValue": "@utcNow()"}}}, "a default is not evaluated"),
    ({"variables": {"v": {"type": "Int"}}}, "variables.v.type: expected one of String, Bool"),
    ({"parameters": {f"p{n}": {"type": "Int"} for n in range(51)}}, "parameters: expected at most 50, found 51"),
]


@pytest.mark.parametrize(("declared", "message"), DECLARATIONS)
def test_wrong_declarations_are_refused(declared: dict[str, Any], message: str) -> None:
    whole = factory_of(web("A"), **declared)
    assert message in "\n".join(map(str, check_pipeline("score", whole.pipelines["score"], whole)))


def test_datasets_and_linked_services_see_their_own_parameters_only() -> None:
    (problem,) = check_linked_service("l", {"type": "X", "typeProperties": {"url": "@pipeline().RunId"}})
    assert str(problem).startswith("linked service 'l', typeProperties.url: the function 'pipeline' is not expected")
    wrong = {**HOUR, "typeProperties": {"a": "@dataset().day"}, "linkedServiceName": {"referenceName": "pond"}}
    problems = "\n".join(map(str, check_dataset("hour", wrong, factory(web("A")))))
    assert "dataset 'hour', typeProperties.a: 'day' is no property here, known are: folder" in problems
    assert "dataset 'hour', linkedServiceName.referenceName: the linked service 'pond' does not exist" in problems


def test_a_pipeline_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DefinitionError, match="pipeline 'nope': does not exist"):
        run_pipeline(factory(web("A")), "nope", ScriptedWorld())
