"""Our evaluator against the recorded answers of Microsoft's own (tests/judge.py)."""

import importlib.util
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from factory_engine.expressions import ExpressionError, Scope, evaluate

HERE = Path(__file__).parent
JUDGED = [json.loads(line) for line in (HERE / "judged.jsonl").read_text(encoding="utf-8").splitlines()]

# What the service's evaluator answers and this one refuses, since the answer hangs on a culture or has no use here.
REFUSED = {
    **{f"@formatDateTime('2018-03-05T15:07:09Z','{style}')": "a culture's format" for style in "dDfFgGmtTUy"},
    "@formatDateTime('2018-03-05T15:07:09Z','')": "a culture's format",
    "@formatDateTime('2018-03-05T15:07:09Z','gg')": "a culture's format",
    "@addToTime('2018-01-31T00:00:00Z',1,'Week','D')": "a culture's format",
    "@subtractFromTime('2018-01-02T00:00:00Z',1,'Day','D')": "a culture's format",
    **{
        f"@greater({pair})": "a culture's order of punctuation and case"
        for pair in ("'A','a'", "'a','A'", "'a-b','ab'", "'a','_'")
    },
    "@formatDateTime('March 5, 2018','o')": "a timestamp in words",
    "@and(true,true,false)": "documented with two arguments",
    "@or(false,false,true)": "documented with two arguments",
    "@equals(1,2,3)": "documented with two arguments",
    **{f"@{call}": "not in the closed list" for call in ("range(1,4)", "range(1,0)", "array('a')")},
    "@array(createArray(1))": "not in the closed list",
    "@union(createArray(1,2),createArray(2,3))": "not in the closed list",
    '@union(json(\'{"a":1}\'),json(\'{"a":2,"b":3}\'))': "not in the closed list",
    "@intersection(createArray(1,2,3),createArray(2,1))": "not in the closed list",
}


def scope() -> Scope:
    seen: dict[str, Any] = _judge().SEEN
    return Scope(
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        new_id=lambda: "00000000-0000-0000-0000-000000000001",
        references={"pipeline": seen["pipeline"]},
        activities=seen["activities"],
        variables=seen["variables"],
    )


def _judge() -> Any:
    spec = importlib.util.spec_from_file_location("judge", HERE / "judge.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case["expression"])
def test_an_expression_gives_what_microsofts_evaluator_gives(case: dict[str, Any]) -> None:
    expression = case["expression"]
    if "fails" in case or expression in REFUSED:
        with pytest.raises(ExpressionError):
            evaluate(expression, scope())
        return
    answer = evaluate(expression, scope())
    assert json.dumps(answer) == json.dumps(case["answer"])


def test_every_refusal_is_of_an_expression_that_was_judged() -> None:
    assert set(REFUSED) <= {case["expression"] for case in JUDGED}


@pytest.mark.skipif(
    importlib.util.find_spec("data_factory_testing_framework") is None or shutil.which("mono") is None,
    reason="Microsoft's evaluator is not installed: data-factory-testing-framework, pythonnet and Mono",
)
def test_the_recorded_answers_are_those_of_microsofts_evaluator() -> None:
    command = [sys.executable, str(HERE / "judge.py"), "answers", str(HERE / "judged.jsonl")]
    printed = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    lines = [line for line in printed.splitlines() if line.startswith('{"expression"')]
    assert [json.loads(line) for line in lines] == JUDGED
