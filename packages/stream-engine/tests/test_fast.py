"""The fast way over files gives the same rows and counts as the engine's own stages, or leaves the query to them."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stream_engine import StreamError, compile_query
from stream_engine import run as run_all
from stream_engine.fast import fetch, run_fast
from stream_engine.run import run_stages, timeless
from stream_engine.testing import same_rows

midnight = datetime(2026, 1, 1, tzinfo=UTC)
odd_lines = (
    "{bad",
    "5",
    "null",
    "{}",
    "  ",
    '{"t":"2026-01-01T00:00:01Z"}',
    '[{"t":"2026-01-01T00:00:01Z","d":"a"}]',
    '{"T":"2026-01-01T00:00:01Z","D":"a","x":1}',
)
odd_values = (1, 2, "4", "5.5", " 6 ", "x", None, True, 1e5, 12345678901234, 9007199254740993, [1])
odd_times = ("soon", 5, None, "2026-1-1T1:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00+02:00", "2026-01-01")


def line(rng: random.Random, odd: bool) -> str:
    moment = midnight + timedelta(seconds=rng.randint(0, 900), microseconds=rng.randint(0, 999_999))
    time: object = moment.isoformat().replace("+00:00", "Z")
    value: object = rng.choice((1.5, 2.25, 3.5, -4.0, 10.125))
    device: object = rng.choice("abc")
    if odd:
        if rng.random() < 0.03:
            return rng.choice(odd_lines)
        time = rng.choice((time, moment.isoformat(), f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment:%Y-%m-%dT%H:%M:%S}"))
        time = rng.choice(odd_times) if rng.random() < 0.02 else time
        value = rng.choice(odd_values) if rng.random() < 0.05 else value
        device = rng.choice((None, 5, 1.5, 'é"\\')) if rng.random() < 0.03 else device
    return json.dumps({"id": rng.randint(0, 30), "d": device, "x": value, "t": time})


def query(rng: random.Random) -> str:
    x = rng.choice(("TRY_CAST(x AS float)", "CAST(x AS float)", "x"))
    typed = "TRY_CAST(x AS float)" if x == "x" else x
    where = rng.choice(("", f"WHERE {x} > 2", "WHERE d <> 'a'", "WHERE x IS NOT NULL"))
    window = rng.choice(
        (
            "TumblingWindow(minute, 1)",
            "HoppingWindow(second, 90, 30)",
            "System.Timestamp()",
            "SessionWindow(second, 20, 600) OVER (PARTITION BY d)",
            "TumblingWindow(Duration(minute, 5), Offset(second, -1))",
        )
    )
    return rng.choice(
        (
            f"""SELECT System.Timestamp() AS ends, d, COUNT(*) AS n, COUNT(x) AS c, AVG({x}) AS a, STDEV({x}) AS dev,
                       CAST(MIN({x}) AS float) AS lo, CAST(SUM({x}) AS float) AS s, COUNT(DISTINCT d) AS k
                FROM i TIMESTAMP BY t {where} GROUP BY d, {window} HAVING COUNT(*) > {rng.randint(0, 1)}""",
            f"""WITH o AS (SELECT id, d, COUNT(*) AS c, MAX({typed}) AS x FROM i TIMESTAMP BY t
                           GROUP BY id, d, System.Timestamp())
                SELECT d, System.Timestamp() AS ends, SUM(c) - COUNT(*) AS doubles, AVG(x) AS m INTO f FROM o
                GROUP BY d, TumblingWindow(minute, 5)
                SELECT id, d, c INTO g FROM o WHERE c = 1""",
            f"""WITH l AS (SELECT d, x, {typed} - LAG({typed}, {rng.randint(1, 2)}) OVER (
                               PARTITION BY d LIMIT DURATION(second, {rng.choice((5, 60))})) AS step
                           FROM i TIMESTAMP BY t)
                SELECT d, x, step, System.Timestamp() AS at INTO f FROM l WHERE step IS NOT NULL""",
            f"""SELECT a.d, b.x AS x, DATEDIFF(second, a.t, b.t) AS s, System.Timestamp() AS at INTO f
                FROM i a TIMESTAMP BY t JOIN i b TIMESTAMP BY t
                ON a.d = b.d AND DATEDIFF(second, a, b) BETWEEN {rng.choice((-5, 0, 1))} AND {rng.choice((5, 10))}""",
            """SELECT id, TRY_CAST(d AS nvarchar(max)) AS d, TRY_CAST(x AS bigint) AS b, TRY_CAST(t AS datetime) AS t,
                      TRY_CAST(x AS nvarchar(max)) AS xs, CASE WHEN x IS NULL THEN 'none' ELSE 'some' END AS w
               INTO raw FROM i""",
        )
    )


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_both_ways_agree_on_random_files(first: int, tmp_path: Path) -> None:
    fast_ones = 0
    for seed in range(first, first + 25):
        rng = random.Random(seed)
        odd = rng.random() < 0.6
        path = tmp_path / f"{seed}.jsonl"
        path.write_text("\n".join(line(rng, odd) for _ in range(rng.choice((1, 10, 60, 200)))) + "\n")
        compiled = compile_query(query(rng))
        fast = run_fast(compiled, {"i": [path]}, timeless, fetch)
        if fast is None:
            continue
        fast_ones += 1
        slow = run_stages(compiled, {"i": [path]})
        for name, rows in slow.outputs.items():
            same_rows(fast.outputs[name], rows)
            assert [row.timestamp for row in fast.outputs[name]] == sorted(row.timestamp for row in rows), seed
        for name, count in fast.counts["i"].items():
            assert (seed, name, count) == (seed, name, slow.metrics_by_input["i"][name])
    assert fast_ones >= 10


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("SELECT SlidingSum FROM i UNION SELECT x FROM i", '{"x": 1}'),
        ("SELECT MAX(x) AS x FROM i GROUP BY TumblingWindow(s, 1)", '{"x": 1}'),
        ("SELECT AVG(x) AS x FROM i GROUP BY TumblingWindow(s, 1)", '{"x": 1}\n{"x": NaN}'),
        ("SELECT x FROM i", '{"x": 1}\n{"x": 9223372036854775808}'),
        ("SELECT x FROM i", '{"x": 1, "EventEnqueuedUtcTime": "2026-01-01T00:00:00Z"}'),
        ("SELECT x FROM i", '[{"x": 1}]'),
        ("SELECT x FROM i", '{"x": 1}\n{"X": 2}'),
        ("SELECT x.y FROM i", '{"x": {"y": 1}}'),
    ],
)
def test_what_the_fast_way_cannot_be_sure_of_is_left_to_the_stages(text: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    path.write_text(content + "\n")
    text = "SELECT x FROM i UNION SELECT x FROM i" if "UNION" in text else text
    assert run_fast(compile_query(text), {"i": [path]}, timeless, fetch) is None
    assert run_all(text, {"i": path}).metrics["InputEvents"] >= 1


def test_an_error_found_by_the_fast_way_is_told_as_by_the_stages(tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    path.write_text('{"x": 1}\n{"x": "high"}\n')
    with pytest.raises(StreamError, match="CAST cannot make a bigint of nvarchar"):
        run_all("SELECT CAST(x AS bigint) AS x FROM i", {"i": path})


@pytest.mark.parametrize("text", ["COUNT(*) AS n", "COUNT(x) AS n, AVG(x) AS a", "COUNT(y) AS n"])
@pytest.mark.parametrize("value", ["-Infinity", "18446744073709551615", "9223372036854775808", "Infinity", "NaN"])
def test_an_event_with_what_is_no_number_is_malformed_whether_its_field_is_read_or_not(
    value: str, text: str, tmp_path: Path
) -> None:
    path = tmp_path / "i.jsonl"
    path.write_text(f'{{"x": 1, "y": 1}}\n{{"x": {value}, "y": 2}}\n' + '{"x": 3, "y": 3}\n' * 20_000)
    result = run_all(f"SELECT {text}, MAX(y) AS m FROM i GROUP BY TumblingWindow(s, 1)", {"i": path})
    assert (result.outputs["output"][0]["n"], result.metrics["DeserializationError"]) == (20_001, 1)


@pytest.mark.parametrize(
    "value", ['"NaN -9223372036854775809"', "-9223372036854775807", "0.12345678901234567890123", "1767225600000000000"]
)
def test_numbers_that_look_odd_but_are_not_stay_with_the_fast_way(value: str, tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    path.write_text(f'{{"x": 1, "y": {value}}}\n' * 3)
    fast = run_fast(
        compile_query("SELECT AVG(x) AS a FROM i GROUP BY TumblingWindow(s, 1)"), {"i": [path]}, timeless, fetch
    )
    assert fast is not None
    assert (fast.outputs["output"], fast.counts["i"]["InputEvents"]) == ([{"a": 1.0}], 3)


@pytest.mark.parametrize("ends", ["\n", "\n\n", "\r\n", "\n "])
def test_lines_and_bytes_are_counted_as_by_the_stages(ends: str, tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    lines = [json.dumps({"x": "a" * (number * 37 % 5000)}) for number in range(200)]
    path.write_bytes(ends.join(lines).encode())
    compiled = compile_query("SELECT COUNT(x) AS n FROM i GROUP BY TumblingWindow(s, 1)")
    fast, slow = run_fast(compiled, {"i": [path]}, timeless, fetch), run_stages(compiled, {"i": [path]})
    assert fast is not None
    assert fast.counts["i"] == {name: slow.metrics[name] for name in fast.counts["i"]}


def test_a_line_longer_than_any_event_of_a_hub_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    path.write_text('{"x": 1}\n' + json.dumps({"x": 2, "y": "a" * 3_000_000}) + "\n")
    assert run_all("SELECT SUM(x) AS s FROM i GROUP BY TumblingWindow(s, 1)", {"i": path}).outputs["output"] == [
        {"s": 3}
    ]
