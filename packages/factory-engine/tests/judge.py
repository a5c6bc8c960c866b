"""Microsoft's own evaluator, as data-factory-testing-framework carries it, on Mono.

    python judge.py answers EXPRESSIONS.jsonl    # the same lines with the evaluator's answers, on standard output

Run it with a Python that has data-factory-testing-framework and pythonnet, on a machine that has Mono; neither is a
dependency of this package. The values an expression can refer to are in SEEN.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

SEEN = {
    "pipeline": {
        "parameters": {
            "n": 42,
            "s": "foo",
            "f": 1.5,
            "b": True,
            "o": {"a": [1, 2, {"B": None}]},
            "l": [],
            "z": None,
        },
        "RunId": "r",
    },
    "variables": {"v": "x", "arr": [1, 2]},
    "activities": {"Act": {"output": {"x": 1, "h": {"A-b": "c"}}, "status": "Succeeded", "error": None}},
}


def microsoft() -> Callable[[str], dict[str, Any]]:
    """A function from an expression to `{"answer": …}` or `{"fails": True}`."""
    import pythonnet  # pyright: ignore[reportMissingImports]

    pythonnet.load("mono")
    from data_factory_testing_framework._pythonnet import (  # pyright: ignore[reportMissingImports]
        data_factory_testing_framework_expressions_evaluator as loaded,
    )

    activities = {name: {"outputs": {"body": body}} for name, body in SEEN["activities"].items()}
    seen = (json.dumps(SEEN["pipeline"]), json.dumps(SEEN["variables"]), None, json.dumps(activities))

    def ask(expression: str) -> dict[str, Any]:
        try:
            return {"answer": json.loads(loaded.Evaluator().EvaluateExpression(expression, *seen))["result"]}
        except Exception:  # .NET's exceptions reach Python as what they are called there
            return {"fails": True}

    return ask


def main(path: str) -> None:
    ask = microsoft()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            expression = json.loads(line)["expression"]
            print(json.dumps({"expression": expression, **ask(expression)}, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[2])
