"""JavaScript aggregates run in a query as Microsoft's page says; their state outlives the job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from stream_engine import Event, JavaScript, QueryError, StreamError, StreamJob, TimePolicy, compile_query
from stream_engine import run as run_all
from stream_engine.testing import check_aggregate, run

midnight = datetime(2026, 1, 1, tzinfo=UTC)
time_weighted = """
// Time-weighted average, after Microsoft's page; like there, `result` is not declared.
function main() {
    this.init = function () { this.totalValue = 0.0; this.totalWeight = 0.0; }
    this.accumulate = function (value, timestamp) {
        this.totalValue += value.level * value.weight;
        this.totalWeight += value.weight;
    }
    this.computeResult = function () {
        result = this.totalValue == 0 ? 0 : this.totalValue / this.totalWeight;
        return result;
    }
}
"""
everything = """
function main() {
    this.init = () => { this.seen = []; this.first = undefined; this.least = Infinity; this.kinds = new Map();
                        this.set = new Set(); this.on = false; this.zero = -0; this.gap = undefined; this.once = 1;
                        this.add = (each) => this.seen.push(each); }
    this.accumulate = (value, timestamp) => {
        this.add(value);
        delete this.once;
        this.first ??= timestamp;
        if (typeof value === "number") this.least = Math.min(this.least, value);
        this.kinds.set(typeof value, timestamp);
        this.set.add(value);
        this.on = true;
    }
    this.computeResult = () => ({
        seen: this.seen, first: this.first, least: this.least === Infinity ? null : this.least, kinds: [...this.kinds],
        gap: this.gap === undefined && 'gap' in this && !('once' in this) ? 1 : 0,
        set: this.set.size, on: this.on ? 1 : 0, zero: 1 / this.zero < 0 ? 1 : 0,
    });
}
"""


def at(second: int) -> str:
    return (midnight + timedelta(seconds=second)).isoformat()


def test_the_time_weighted_average_of_the_page() -> None:
    query = """WITH value AS (SELECT NoiseLevelDB AS level, DurationSecond AS weight FROM i TIMESTAMP BY EntryTime)
               SELECT System.Timestamp AS ts, uda.TWA(value) AS NoseDoseTWA FROM value
               GROUP BY TumblingWindow(minute, 5)"""
    data = [
        {"EntryTime": "2017-06-10T05:01:00-07:00", "NoiseLevelDB": 80, "DurationSecond": 22.0},
        {"EntryTime": "2017-06-10T05:02:00-07:00", "NoiseLevelDB": 81, "DurationSecond": 37.8},
        {"EntryTime": "2017-06-10T05:06:00-07:00", "NoiseLevelDB": 0, "DurationSecond": 23.0},
    ]
    assert run(query, {"i": data}, functions={"TWA": time_weighted})["output"] == [
        {"ts": datetime(2017, 6, 10, 12, 5, tzinfo=UTC), "NoseDoseTWA": (80 * 22.0 + 81 * 37.8) / (22.0 + 37.8)},
        {"ts": datetime(2017, 6, 10, 12, 10, tzinfo=UTC), "NoseDoseTWA": 0},
    ]


def test_an_aggregate_sees_every_event_with_its_time_and_null_too() -> None:
    query = """SELECT k, UDA.all(x).seen AS seen, UDA.all(x).first AS f, COUNT(*) AS n FROM i TIMESTAMP BY t
               GROUP BY k, TumblingWindow(second, 10) HAVING UDA.all(x).least > 1"""
    data = [{"t": at(t), "k": k, "x": x} for t, k, x in ((1, "a", 2), (2, "a", None), (3, "b", 1), (4, "a", 3.5))]
    assert run(query, {"i": data}, functions={"all": everything})["output"] == [
        {"k": "a", "seen": [2, None, 3.5], "f": midnight + timedelta(seconds=1), "n": 3}
    ]


def test_the_state_of_an_aggregate_outlives_the_job() -> None:
    query = compile_query(
        "SELECT UDA.all(x) AS r FROM i TIMESTAMP BY t GROUP BY HoppingWindow(second, 20, 10)",
        functions={"all": everything},
    )
    values = (5, None, [1, {"a": at(0)}], midnight, "x", 2.5, 2**40)
    events = [
        Event(body={"t": at(n), "x": x}, enqueued=midnight + timedelta(seconds=n)) for n, x in enumerate(values, 1)
    ]
    policy = TimePolicy(late=timedelta(0))
    whole = run_all(query, {"i": events}, policy=policy).outputs["output"]
    job = StreamJob(query, start=midnight - timedelta(days=1), policy=policy)
    for event in events:
        job.push("i", [event])
        job = StreamJob.restore(query, job.state(), policy=policy)
    job.advance(events[-1].enqueued + timedelta(seconds=1))
    job = StreamJob.restore(query, job.state(), policy=policy)
    assert job.finish()["output"] == whole
    assert [row["r"]["seen"] for row in whole] == [list(values), list(values)]
    assert whole[0]["r"]["zero"] == whole[0]["r"]["on"] == whole[0]["r"]["gap"] == 1


def test_what_closed_windows_held_is_let_go() -> None:
    script = """function main() { this.init = () => {}; this.computeResult = () => this.many.length;
                                 this.accumulate = (value) => { this.many = new Array(100000).fill(value); }; }"""
    query = "SELECT UDA.f(x) AS n FROM i TIMESTAMP BY t GROUP BY TumblingWindow(second, 1)"
    rows = run(query, {"i": [{"t": at(second), "x": 1} for second in range(200)]}, functions={"f": script})["output"]
    assert [row["n"] for row in rows] == [100000] * 200


def test_a_state_belongs_to_its_scripts() -> None:
    text = "SELECT UDA.all(x) AS r FROM i GROUP BY TumblingWindow(second, 10)"
    job = StreamJob(text, start=midnight, functions={"all": everything})
    with pytest.raises(ValueError, match="another query or other functions"):
        StreamJob.restore(text, job.state(), functions={"all": everything + " "})
    StreamJob.restore(text, job.state(), functions={"all": everything})


def test_what_of_an_aggregate_is_no_data_stops_the_job_when_its_state_is_taken() -> None:
    script = """function main() { this.init = () => { this.pattern = /a/; }; this.accumulate = () => {};
                                 this.computeResult = () => 1; }"""
    job = StreamJob(
        "SELECT UDA.f(x) AS r FROM i GROUP BY TumblingWindow(second, 10)", start=midnight, functions={"f": script}
    )
    job.push("i", [Event(body={"x": 1}, enqueued=midnight + timedelta(seconds=1))])
    job.advance(midnight + timedelta(seconds=2))
    with pytest.raises(StreamError, match="a RegExp in this cannot be kept in the state of a job"):
        job.state()


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("init", r"UDA\.f: Error: bad \(f\.js, line 1"),
        ("accumulate", r"UDA\.f: Error: bad \(f\.js, line 1"),
        ("computeResult", r"UDA\.f: Error: bad \(f\.js, line 1"),
    ],
)
def test_an_error_in_an_aggregate_stops_the_query(method: str, message: str) -> None:
    names = ("init", "accumulate", "computeResult")
    parts = "".join(f"this.{n} = () => {{ {'throw new Error(`bad`);' if n == method else ''} }};" for n in names)
    script = JavaScript(script=f"function main() {{ {parts} }}", name="f.js")
    with pytest.raises(StreamError, match=message):
        run("SELECT UDA.f(x) AS r FROM i GROUP BY Tumbling(s, 1)", {"i": [{"x": 1}]}, functions={"f": script})


@pytest.mark.parametrize(
    ("query", "place", "message"),
    [
        ("SELECT UDA.all(x) AS r FROM i", (1, 8), "UDA.all needs GROUP BY"),
        ("SELECT UDA.all() AS r FROM i GROUP BY Tumbling(s, 1)", (1, 8), "UDA.all takes one argument"),
        ("SELECT UDA.all(x, y) AS r FROM i GROUP BY Tumbling(s, 1)", (1, 8), "UDA.all takes one argument"),
        ("SELECT UDA.all(DISTINCT x) AS r FROM i GROUP BY Tumbling(s, 1)", (1, 8), "UDA.all takes one argument"),
        ("SELECT UDA.half(x) AS r FROM i GROUP BY Tumbling(s, 1)", (1, 8), "this.computeResult is not a function"),
        ("SELECT UDA.hex2int(x) AS r FROM i GROUP BY Tumbling(s, 1)", (1, 8), "UDA.hex2int is no aggregate"),
        ("SELECT UDF.all(x) AS r FROM i", (1, 8), "call it as UDA.all"),
        ("SELECT UDF.hexToInt(x) AS r FROM i", (1, 8), "did you mean udf.hex2int?"),
        ("SELECT UDF.score(x) AS r FROM i", (1, 8), "given are UDF.all, UDF.hex2int, UDF.half"),
        ("SELECT UDF.hex2int(*) AS r FROM i", (1, 20), "not *"),
        ("SELECT UDF.hex2int(x) OVER (ORDER BY x) AS r FROM i", (1, 8), "neither OVER nor DISTINCT"),
        ("SELECT x FROM i WHERE UDA.all(x) = 1", (1, 23), "UDA.all is an aggregate"),
    ],
)
def test_a_call_that_cannot_run_is_refused_at_its_place(query: str, place: tuple[int, int], message: str) -> None:
    half = "function main() { this.init = () => {}; this.accumulate = () => {}; }"
    with pytest.raises(QueryError) as caught:
        compile_query(query, functions={"all": everything, "hex2Int": "function main(x) {}", "half": half})
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == place


@pytest.mark.parametrize(
    ("deaccumulate", "state", "message"),
    [
        ("this.sum -= value", "this.sum -= other.sum", None),
        (
            "this.sum += value",
            "this.sum -= other.sum",
            "without the first 1 of 3 events the result is 7.5, deaccumulate",
        ),
        ("this.sum -= value", "", "the result is 7.5, deaccumulateState gives 8"),
    ],
)
def test_an_aggregate_that_takes_back_wrongly_is_found(deaccumulate: str, state: str, message: str | None) -> None:
    script = f"""function main() {{
        this.init = function () {{ this.sum = 0; }};
        this.accumulate = function (value, timestamp) {{ this.sum += value; }};
        this.deaccumulate = function (value, timestamp) {{ {deaccumulate}; }};
        this.deaccumulateState = function (other) {{ {state}; }};
        this.computeResult = function () {{ return this.sum; }};
    }}"""
    events = [(value, midnight) for value in (0.5, 3, 4.5)]
    if message is None:
        check_aggregate(script, events)
    else:
        with pytest.raises(AssertionError, match=message):
            check_aggregate(script, events)
