"""Help for testing a query in pytest.

from stream_engine.testing import run, same_rows

def test_counts_by_device():
    outputs = run(Path("query.asaql"), {"events": [{"Device": "a", "At": "2026-01-01T00:01:00Z"}]})
    same_rows(outputs["counts"], [{"Device": "a", "Events": 1}])
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .events import Event
from .javascript import Instance, JavaScript, Script, encode
from .query import compile_query
from .run import run as _run
from .userdefined import Given, load
from .watermark import TimePolicy


def run(
    query: str | Path,
    inputs: Mapping[str, Iterable[Event | Mapping[str, Any]]],
    *,
    policy: TimePolicy | None = None,
    reference: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    functions: Given | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each output of a query, given as text or file, over the whole of its inputs.

    `functions` are the JavaScript functions it calls, by alias: scripts or files with them.
    """
    text = query.read_text(encoding="utf-8-sig") if isinstance(query, Path) else query
    compiled = compile_query(text, name=str(query) if isinstance(query, Path) else "query", functions=functions)
    result = _run(compiled, inputs, policy=policy, reference=reference)
    return {name: [dict(row) for row in rows] for name, rows in result.outputs.items()}


def check_aggregate(
    script: JavaScript | Path | str, events: Sequence[tuple[Any, datetime]], *, tolerance: float = 1e-9
) -> None:
    """Assert that a JavaScript aggregate takes events back rightly: what is left gives what it alone gives.

    The service calls deaccumulate() as events leave a sliding or session window, first in first out, and
    deaccumulateState() as a hop leaves a hopping window; a query here accumulates every window anew. `events` are
    values with their times, in order; all splits of them are tried. Raises AssertionError; QueryError, ScriptError.
    """
    loaded = load({"aggregate": script})["aggregate"]
    taken = [encode([value, time]) for value, time in events]
    for left in range(1, len(taken)):
        gone, rest = taken[:left], taken[left:]
        expected = _accumulated(loaded, rest).result()
        one, hop = _accumulated(loaded, taken), _accumulated(loaded, taken)
        for each in gone:
            one.deaccumulate(each)
        hop.deaccumulate_state(_accumulated(loaded, gone))
        for method, found in (("deaccumulate", one.result()), ("deaccumulateState", hop.result())):
            if not _same(found, expected, tolerance):
                message = f"without the first {left} of {len(taken)} events the result is {expected!r}, {method} gives"
                raise AssertionError(f"{message} {found!r}")


def _accumulated(script: Script, events: Iterable[str]) -> Instance:
    instance = script.instance()
    for each in events:
        instance.accumulate(each)
    return instance


def same_rows(
    found: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]], *, tolerance: float = 1e-9
) -> None:
    """Assert that both hold the same rows, in any order; floats may differ relatively by `tolerance`.

    Raises AssertionError that lists the rows of one side which the other lacks.
    """
    missing = list(expected)
    extra = []
    for row in found:
        match = next((i for i, other in enumerate(missing) if _same(row, other, tolerance)), None)
        if match is None:
            extra.append(row)
        else:
            del missing[match]
    if missing or extra:
        lines = [f"  missing: {dict(row)}" for row in missing] + [f"  not expected: {dict(row)}" for row in extra]
        raise AssertionError("the rows differ:\n" + "\n".join(lines))


def _same(left: Any, right: Any, tolerance: float) -> bool:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key], tolerance) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_same(a, b, tolerance) for a, b in zip(left, right, strict=True))
    if isinstance(left, float) and isinstance(right, (int, float)):
        return math.isclose(left, right, rel_tol=tolerance, abs_tol=tolerance)
    return type(left) is type(right) and left == right
