"""The engine against slow definitions on random cases, at once and as a job that is killed again and again.

The suite runs some thousand cases; `python test_oracle.py 100000 [first seed]` runs as many as asked for.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from stream_engine import Event, Query, StreamJob, TimePolicy, compile_query, run
from stream_engine.testing import same_rows

sys.path.insert(0, str(Path(__file__).parent))

from oracle import Row, Stream, aligned, grouped, in_time, midnight, moment, same_interval, sessions, sliding

Expect = Callable[[dict[str, Stream]], list[Row]]

# ---- Random queries, each with what it must give. ----

select_aggregates = """COUNT(*) AS n, COUNT(x) AS c, COUNT(DISTINCT x) AS d, SUM(x) AS s, AVG(x) AS a, MIN(x) AS lo,
    MAX(x) AS hi, STDEV(x) AS dev, TopOne(x) OVER (ORDER BY x DESC) AS top,
    PERCENTILE_CONT(0.5) OVER (ORDER BY x) AS median, PERCENTILE_DISC(0.25) OVER (ORDER BY x) AS disc,
    UDA.total(x) AS uda"""
functions = {
    "odd": "function main(x) { return x === null ? null : x % 2; }",
    "total": """function main() { this.init = () => { this.sum = 0; }; this.computeResult = () => this.sum;
                                  this.accumulate = (x) => { this.sum += x === null ? 100 : x; }; }""",
}


def window_case(rng: random.Random) -> tuple[str, Expect]:
    key = rng.random() < 0.6
    size, hop, offset = rng.randint(1, 12), rng.randint(1, 8), rng.choice((0, 0, 1, -1))
    kind = rng.choice(("tumbling", "hopping", "sliding", "session", "keyed session", "snapshot"))
    window, ends = {
        "tumbling": (
            f"TumblingWindow(Duration(second, {size}), Offset(second, {offset}))",
            lambda stream: aligned(stream, size, size, offset),
        ),
        "hopping": (f"HoppingWindow(s, {size}, {hop})", lambda stream: aligned(stream, size, hop, 0)),
        "sliding": (f"SlidingWindow(second, {size})", lambda stream: sliding(stream, size)),
        "session": (f"SessionWindow(second, {hop}, {size})", lambda stream: sessions(stream, hop, size)),
        "keyed session": (
            f"SessionWindow(second, {hop}, {size}) OVER (PARTITION BY k)",
            lambda stream: [each for k in "ab" for each in sessions([e for e in stream if e[1]["k"] == k], hop, size)],
        ),
        "snapshot": ("System.Timestamp()", lambda stream: aligned(stream, 1, 1, 0)),
    }[kind]
    text = f"""SELECT System.Timestamp() AS ends, {"k," if key else ""} {select_aggregates}
               FROM i TIMESTAMP BY t GROUP BY {"k," if key else ""} {window}"""

    def expect(streams: dict[str, Stream]) -> list[Row]:
        if kind == "sliding" and key:
            parts = [[e for e in streams["i"] if e[1]["k"] == k] for k in "ab"]
            return [row for part in parts for row in grouped(sliding(part, size), key)]
        return grouped(ends(streams["i"]), key)

    return text, expect


def join_case(rng: random.Random) -> tuple[str, Expect]:
    low = rng.randint(-6, 4)
    high, left = low + rng.randint(0, 8), rng.random() < 0.5
    more = rng.random() < 0.3
    text = f"""SELECT i.id AS a, j.id AS b, System.Timestamp() AS at FROM i TIMESTAMP BY t
               {"LEFT" if left else ""} JOIN j TIMESTAMP BY t ON i.k = j.k
               AND DATEDIFF(second, i, j) BETWEEN {low} AND {high} {"AND i.x < j.x" if more else ""}"""

    def expect(streams: dict[str, Stream]) -> list[Row]:
        found = []
        for ta, a in streams["i"]:
            partners = [
                (tb, b)
                for tb, b in streams["j"]
                if a["k"] == b["k"] and low <= tb - ta <= high and (not more or smaller(a["x"], b["x"]))
            ]
            found += [{"a": a["id"], "b": b["id"], "at": moment(max(ta, tb))} for tb, b in partners]
            if left and not partners:
                found.append({"a": a["id"], "b": None, "at": moment(max(ta, ta + high))})
        return found

    return text, expect


def smaller(a: int | None, b: int | None) -> bool:
    return a is not None and b is not None and a < b


def analytic_case(rng: random.Random) -> tuple[str, Expect]:
    limit, offset, least = rng.randint(1, 15), rng.randint(1, 3), rng.randint(0, 4)
    part, when = rng.random() < 0.6, rng.random() < 0.5
    over = f"PARTITION BY k LIMIT DURATION(second, {limit})" if part else f"LIMIT DURATION(second, {limit})"
    over += f" WHEN x > {least}" if when else ""
    first = f"ISFIRST(second, {limit}) OVER ({'PARTITION BY k' if part else ''} {f'WHEN x > {least}' if when else ''})"
    text = f"""SELECT id, LAG(x, {offset}, -1) OVER ({over}) AS lag, LAST(id) OVER ({over}) AS last,
                      SUM(x) OVER ({over}) AS s, {first} AS f, UDF.odd(x) AS odd
               FROM i TIMESTAMP BY t WHERE x IS NULL OR x <> 3"""

    def enters(row: Row) -> bool:
        return not when or smaller(least, row["x"])

    def expect(streams: dict[str, Stream]) -> list[Row]:
        found = []
        for place, (now, row) in enumerate(streams["i"]):
            seen = [
                (time, each)
                for time, each in streams["i"][: place + 1]
                if enters(each) and (not part or each["k"] == row["k"])
            ]
            history = [each for time, each in seen if time > now - limit]
            before = [each for each in history if each is not row]
            earlier = [each for time, each in seen if each is not row and same_interval(time, now, limit)]
            values = [each["x"] for each in history if each["x"] is not None]
            if row["x"] != 3:
                found.append(
                    {
                        "id": row["id"],
                        "lag": before[-offset]["x"] if len(before) >= offset else -1,
                        "last": history[-1]["id"] if history else None,
                        "s": sum(values) if values else None,
                        "f": int(enters(row) and not earlier),
                        "odd": None if row["x"] is None else row["x"] % 2,
                    }
                )
        return found

    return text, expect


def step_case(rng: random.Random) -> tuple[str, Expect]:
    size, least = rng.randint(1, 10), rng.randint(1, 2)
    text = f"""WITH once AS (SELECT k, x, COUNT(*) AS copies FROM i TIMESTAMP BY t GROUP BY k, x, System.Timestamp()),
                    both_ AS (SELECT k, copies FROM once UNION SELECT k, x AS copies FROM j TIMESTAMP BY t WHERE x > 2)
               SELECT System.Timestamp() AS ends, k, COUNT(*) AS n, SUM(copies) AS s FROM both_
               GROUP BY k, TumblingWindow(second, {size}) HAVING COUNT(*) >= {least}"""

    def expect(streams: dict[str, Stream]) -> list[Row]:
        merged: Stream = []
        for time, row in {(time, row["k"], row["x"]): (time, row) for time, row in streams["i"]}.values():
            copies = sum(t == time and (r["k"], r["x"]) == (row["k"], row["x"]) for t, r in streams["i"])
            merged.append((time, {"k": row["k"], "x": copies}))
        merged += [(time, {"k": row["k"], "x": row["x"]}) for time, row in streams["j"] if smaller(2, row["x"])]
        rows = grouped(aligned(merged, size, size, 0), key=True)
        return [{name: row[name] for name in ("ends", "k", "n", "s")} for row in rows if row["n"] >= least]

    return text, expect


def random_events(rng: random.Random, alias: str) -> list[Row]:
    arrivals = sorted(rng.randint(0, 60) for _ in range(rng.randint(0, 12)))
    events = []
    for number, arrival in enumerate(arrivals):
        time = arrival - rng.choice((0, 0, 1, 2, 3, 5, 8, 13, 30, -2, -300, -301))
        events.append(
            {
                "id": f"{alias}{number}",
                "arrival": arrival,
                "time": None if rng.random() < 0.03 else time,
                "partition": rng.randint(0, 1),
                "k": rng.choice("ab"),
                "x": rng.choice((None, 1, 2, 3, 4, 5, 9)),
            }
        )
    return events


def body(event: Row) -> Row:
    time = "never" if event["time"] is None else moment(event["time"]).isoformat()
    return {"id": event["id"], "k": event["k"], "x": event["x"], "t": time}


def message(event: Row) -> Event:
    return Event(body=body(event), enqueued=moment(event["arrival"]), partition=event["partition"])


def check(seed: int) -> None:
    """One random case, in both ways to run. Raises AssertionError."""
    rng = random.Random(seed)
    text, expect = rng.choice((window_case, window_case, join_case, analytic_case, step_case))(rng)
    aliases = ("i", "j") if " j TIMESTAMP" in text else ("i",)
    events = {alias: random_events(rng, alias) for alias in aliases}
    late, disorder, action = rng.choice((0, 2, 5, 20)), rng.choice((0, 1, 3, 10)), rng.choice(("Adjust", "Drop"))
    policy = TimePolicy(
        late=timedelta(seconds=late),
        out_of_order=timedelta(seconds=disorder),
        action=action,  # type: ignore[arg-type]
    )
    expected = expect({alias: in_time(found, late, disorder, action) for alias, found in events.items()})
    query = compile_query(text, functions=functions)
    whole = run(query, {alias: [message(event) for event in found] for alias, found in events.items()}, policy=policy)
    try:
        same_rows(whole.outputs["output"], expected)
        same_rows(in_pieces(rng, query, events, policy), expected)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: late {late}, out of order {disorder}, {action}\n{text}\n{error}") from None


def in_pieces(rng: random.Random, query: Query, events: dict[str, list[Row]], policy: TimePolicy) -> list[Any]:
    """The rows of a job that gets the events in random pieces, moves its clock, and is restored from its state."""
    job = StreamJob(query, start=moment(-100_000), policy=policy, partitions=2)
    log = sorted(
        ((e["arrival"], alias, e) for alias, found in events.items() for e in found), key=lambda each: each[:2]
    )
    rows: list[Any] = []
    while log:
        count = rng.randint(1, 5)
        piece, log = log[:count], log[count:]
        for alias in events:
            rows += job.push(alias, [message(event) for _, name, event in piece if name == alias])["output"]
        if rng.random() < 0.5:
            rows += job.advance(moment(log[0][0] if log else piece[-1][0] + rng.randint(0, 60)))["output"]
        if rng.random() < 0.5:
            job = StreamJob.restore(query, job.state(), policy=policy)
    rows += job.finish()["output"]
    assert [row.timestamp for row in rows] == sorted(row.timestamp for row in rows)
    return rows


@pytest.mark.parametrize("first", range(0, 2000, 250))
def test_random_cases_give_what_the_definitions_say(first: int) -> None:
    for seed in range(first, first + 250):
        check(seed)


def check_at_rest(seed: int) -> None:
    """One random case over data at rest, in order of its time whatever order it has. Raises AssertionError."""
    rng = random.Random(seed)
    text, expect = rng.choice((window_case, join_case, analytic_case, step_case))(rng)
    query = compile_query(text, functions=functions)
    events = {alias: random_events(rng, alias) * rng.choice((1, 1, 3)) for alias in query.inputs}
    bodies = {alias: [body(event) for event in found] for alias, found in events.items()}
    streams: dict[str, Stream] = {}
    for alias, found in events.items():
        timed = [(event["time"], {**event}) for event in found if event["time"] is not None]
        streams[alias] = sorted(timed, key=lambda each: each[0])
    try:
        same_rows(run(query, bodies).outputs["output"], expect(streams))
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: at rest\n{text}\n{error}") from None


def test_data_at_rest_gives_the_same_whether_memory_holds_it_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(100):
        check_at_rest(seed)
    for name, few in (("_most", 3), ("_block", 2), ("_ahead", 2)):
        monkeypatch.setattr(f"stream_engine.spilling.{name}", few)
    monkeypatch.setattr(sys.modules["stream_engine.run"], "_piece", 2)
    for seed in range(250):
        check_at_rest(seed)
    for seed in range(5090, 5150):
        check(seed)


def check_restart(seed: int) -> bool:
    """A job that starts anew reads `lookback` of the log before its start, and misses and doubles no row after it.

    Whether it read less than everything. Raises AssertionError.
    """
    rng = random.Random(seed)
    text, _ = rng.choice((window_case, join_case, analytic_case, step_case))(rng)
    if "SessionWindow" in text:
        return False
    query = compile_query(text, functions=functions)
    log = []
    for alias in query.inputs:
        early = [{**e, "time": e["arrival"] + 300} for e in random_events(rng, alias)]
        log += [(event["arrival"], alias, event) for event in early + shifted(random_events(rng, alias))]
    policy = TimePolicy(
        late=timedelta(seconds=rng.choice((0, 5, 20))),
        out_of_order=timedelta(seconds=rng.choice((0, 3, 10))),
        action=rng.choice(("Adjust", "Drop")),  # type: ignore[arg-type]
    )
    start = moment(rng.randint(300, 360))
    first = start - query.lookback
    rows = []
    for begin, exclusive, read in ((moment(-100_000), False, moment(-100_000)), (start, True, first)):
        job = StreamJob(query, start=begin, exclusive=exclusive, policy=policy, partitions=2)
        for alias in query.inputs:
            found = [message(event) for _, name, event in sorted(log, key=lambda each: each[0]) if name == alias]
            job.push(alias, [event for event in found if event.enqueued >= read])
        rows.append([row for row in job.finish()["output"] if row.timestamp > start])
    try:
        same_rows(rows[1], rows[0])
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: from {first}, written after {start}\n{text}\n{error}") from None
    return any(arrival < (first - midnight).total_seconds() for arrival, _, _ in log)


def shifted(events: list[Row]) -> list[Row]:
    """The same events five minutes later."""
    times = [None if event["time"] is None else event["time"] + 300 for event in events]
    return [
        {**event, "arrival": event["arrival"] + 300, "time": time} for event, time in zip(events, times, strict=True)
    ]


def test_a_job_that_starts_anew_and_looks_back_writes_the_rows_of_the_one_before() -> None:
    assert sum(check_restart(seed) for seed in range(600)) > 100


if __name__ == "__main__":
    count, start = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    failures = 0
    for number in range(count):
        try:
            check(start + number)
        except AssertionError as error:
            failures += 1
            print(error)
        if (number + 1) % 5000 == 0:
            print(f"{number + 1} cases, {failures} differences", flush=True)
    print(f"{count} cases, {failures} differences")
    sys.exit(bool(failures))
