"""Joins, unions, analytic functions, arrays, and what an input knows beside its events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from stream_engine import Event, QueryError, compile_query
from stream_engine import run as run_all
from stream_engine.testing import run, same_rows

midnight = datetime(2026, 1, 1, tzinfo=UTC)


def at(second: float) -> str:
    return (midnight + timedelta(seconds=second)).isoformat()


def test_a_join_pairs_events_within_its_bounds_at_the_later_time() -> None:
    query = """SELECT a.id AS a, b.id AS b, DATEDIFF(second, a.t, b.t) AS s, System.Timestamp() AS at
               FROM a TIMESTAMP BY t JOIN b TIMESTAMP BY t ON a.k = b.k AND DATEDIFF(second, a, b) BETWEEN 0 AND 5"""
    left = [{"id": 1, "k": "x", "t": at(10)}, {"id": 2, "k": "y", "t": at(10)}, {"id": 3, "t": at(10)}]
    right = [{"id": n, "k": "x", "t": at(t)} for n, t in enumerate((9.999, 10, 15, 15.001))] + [{"id": 9, "t": at(11)}]
    rows = run(query, {"a": left, "b": right})["output"]
    assert [(row["a"], row["b"], row["s"]) for row in rows] == [(1, 1, 0), (1, 2, 5)]
    assert [row["at"].isoformat() for row in rows] == [at(10), at(15)]


def test_a_left_join_tells_of_a_row_without_partner_when_none_can_come_any_more() -> None:
    query = """SELECT a.id AS a, b.id AS b, System.Timestamp() AS at FROM a TIMESTAMP BY t
               LEFT OUTER JOIN b TIMESTAMP BY t ON DATEDIFF(second, a, b) BETWEEN 0 AND 5 AND a.k = b.k AND b.id > 0"""
    left = [{"id": 1, "k": 1, "t": at(1)}, {"id": 2, "k": 2, "t": at(2)}, {"id": 3, "t": at(3)}]
    right = [{"id": 7, "k": 1, "t": at(4)}, {"id": -1, "k": 2, "t": at(3)}]
    rows = run(query, {"a": left, "b": right})["output"]
    found = [(row["a"], row["b"], row["at"].isoformat()) for row in rows]
    assert found == [(1, 7, at(4)), (2, None, at(7)), (3, None, at(8))]


def test_an_input_joins_itself() -> None:
    query = """SELECT f.id AS [first], s.id AS [second] FROM i f TIMESTAMP BY t JOIN i s TIMESTAMP BY t
               ON DATEDIFF(second, f, s) BETWEEN 0 AND 10 AND f.d = s.d AND f.kind = 'start' AND s.kind = 'end'"""
    data = [{"id": 1, "d": 1, "kind": "start", "t": at(0)}, {"id": 2, "d": 1, "kind": "end", "t": at(9)}]
    assert run(query, {"i": data})["output"] == [{"first": 1, "second": 2}]


def test_a_join_reaches_over_seven_days_and_its_keys_are_any_expressions() -> None:
    query = """SELECT a.id AS a, b.id AS b FROM a TIMESTAMP BY t JOIN b TIMESTAMP BY t
               ON DATEDIFF(day, a, b) BETWEEN {} AND 7 AND DATEPART(second, a.t) = b.id + 0"""
    data = {"a": [{"id": 1, "t": at(5)}], "b": [{"id": 5, "t": at(7 * 86400)}, {"id": 6, "t": at(9)}]}
    assert run(query.format(0), data)["output"] == [{"a": 1, "b": 5}]
    with pytest.raises(QueryError, match="at most 7 days"):
        run(query.format(-8), data)


def test_three_streams_join_and_each_datediff_names_its_sources() -> None:
    query = """SELECT a.v AS a, b.v AS b, c.v AS c FROM a TIMESTAMP BY t
               JOIN b TIMESTAMP BY t ON DATEDIFF(s, a, b) BETWEEN 0 AND 10
               JOIN c TIMESTAMP BY t ON DATEDIFF(s, a, c) BETWEEN 0 AND 10 AND DATEDIFF(s, b, c) > 0"""
    data = {
        "a": [{"v": 1, "t": at(0)}],
        "b": [{"v": 2, "t": at(5)}],
        "c": [{"v": v, "t": at(v)} for v in (4, 5, 6, 10, 11)],
    }
    assert [row["c"] for row in run(query, data)["output"]] == [6, 10]


def test_reference_data_joins_by_key_without_time() -> None:
    query = """SELECT i.d, r.name FROM i TIMESTAMP BY t LEFT JOIN devices r ON i.d = r.id"""
    assert compile_query(query).references == ("devices",)
    rows = run(query, {"i": [{"d": d, "t": at(d)} for d in (1, 2)]}, reference={"devices": [{"ID": 1, "Name": "one"}]})
    assert rows["output"] == [{"d": 1, "name": "one"}, {"d": 2, "name": None}]


def test_a_union_keeps_duplicates_in_order_of_time() -> None:
    query = """SELECT id, x INTO o FROM a TIMESTAMP BY t UNION SELECT id, y AS x FROM b TIMESTAMP BY t"""
    rows = run(
        query,
        {"a": [{"id": 1, "x": 1, "t": at(2)}, {"id": 2, "x": 1, "t": at(1)}], "b": [{"id": 1, "y": 1, "t": at(2)}]},
    )
    assert [row["id"] for row in rows["o"]] == [2, 1, 1]


def analytic(expression: str, data: list[dict[str, object]], where: str = "") -> list[object]:
    rows = run(f"SELECT {expression} AS r FROM i TIMESTAMP BY t {where}", {"i": data})["output"]
    return [row["r"] for row in rows]


def test_lag_looks_back_within_its_partition_and_limit_before_where() -> None:
    data = [
        {"x": x, "d": d, "t": at(t)} for x, d, t in ((1, "a", 0), (2, "b", 1), (3, "a", 2), (4, "a", 12), (5, "a", 13))
    ]
    assert analytic("LAG(x) OVER (PARTITION BY d LIMIT DURATION(second, 10))", data) == [None, None, 1, None, 4]
    assert analytic("LAG(x, 2, -1) OVER (LIMIT DURATION(second, 10))", data) == [-1, -1, 1, -1, -1]
    assert analytic("LAG(x) OVER (LIMIT DURATION(s, 60) WHEN x <> 2)", data) == [None, 1, 1, 3, 4]
    assert analytic("LAG(x) OVER (LIMIT DURATION(s, 60))", data, "WHERE x = 3") == [2]
    assert analytic("LAG(*) OVER (LIMIT DURATION(s, 60)).x", data)[1] == 1


def test_last_sees_the_current_event_too() -> None:
    data = [{"x": x, "t": at(t)} for t, x in enumerate((1, None, 3))]
    assert analytic("LAST(x) OVER (LIMIT DURATION(s, 60) WHEN x IS NOT NULL)", data) == [1, 1, 3]
    assert analytic("LAST(x, 0) OVER (LIMIT DURATION(s, 60) WHEN x > 2)", data) == [0, 0, 3]


def test_aggregates_over_a_limit_see_the_rows_until_now() -> None:
    data = [{"x": x, "t": at(t)} for t, x in ((0, 1), (5, 2), (10, 4))]
    assert analytic("SUM(x) OVER (LIMIT DURATION(s, 10))", data) == [1, 3, 6]
    assert analytic("COUNT(*) OVER (LIMIT DURATION(s, 10) WHEN x <> 2)", data) == [1, 1, 1]


def test_top_collect_and_percentile_see_the_window() -> None:
    query = """SELECT TopOne() OVER (ORDER BY x DESC, y) AS top, CollectTop(2, x) OVER (ORDER BY x) AS two,
                      Collect(x) AS all_,
                      PERCENTILE_CONT(0.5) OVER (ORDER BY x) AS median,
                      PERCENTILE_DISC(0.5) OVER (ORDER BY x DESC) AS low
               FROM i TIMESTAMP BY t GROUP BY TumblingWindow(minute, 1)"""
    data = [{"x": x, "y": y, "t": at(10 + n)} for n, (x, y) in enumerate(((3, 2), (1, 1), (3, 1), (2, 5)))]
    rows = run(query, {"i": data})["output"]
    same_rows(
        rows,
        [
            {
                "top": {"x": 3, "y": 1, "t": at(12)},
                "two": [{"rank": 1, "value": 1}, {"rank": 2, "value": 2}],
                "all_": [3, 1, 3, 2],
                "median": 2.5,
                "low": 3,
            }
        ],
    )


def test_apply_makes_a_row_of_each_element_or_field() -> None:
    query = """SELECT e.ArrayIndex, e.ArrayValue.v AS v INTO elements
               FROM i TIMESTAMP BY t CROSS APPLY GetArrayElements(i.a) AS e
               SELECT id, p.PropertyName AS n, p.PropertyValue AS v INTO fields
               FROM i TIMESTAMP BY t OUTER APPLY GetRecordProperties(r) AS p"""
    outputs = run(
        query, {"i": [{"id": 1, "a": [{"v": 5}, {"v": 6}], "r": {"x": 1}, "t": at(0)}, {"id": 2, "t": at(1)}]}
    )
    assert outputs["elements"] == [{"ArrayIndex": 0, "v": 5}, {"ArrayIndex": 1, "v": 6}]
    assert outputs["fields"] == [{"id": 1, "n": "x", "v": 1}, {"id": 2, "n": None, "v": None}]


def test_metadata_of_an_event_is_found_by_name() -> None:
    query = """SELECT GetMetadataPropertyValue(i, '[User].[site]') AS site, GetMetadataPropertyValue(i, 'User') AS u,
                      GetMetadataPropertyValue(i, '[EventHub].[EventEnqueuedUtcTime]') AS e,
                      GetMetadataPropertyValue(i, 'EventHub') AS h, GetMetadataPropertyValue(i, 'x') AS x,
                      GetMetadataPropertyValue(i, 'sequenceNumber') AS s
               FROM i"""
    event = Event(body=b"{}", enqueued=midnight, sequence=7, metadata={"User": {"site": "north"}})
    hub = {"EventEnqueuedUtcTime": midnight, "EventProcessedUtcTime": midnight, "PartitionId": 0, "SequenceNumber": 7}
    assert run_all(query, {"i": [event]}).outputs["output"] == [
        {"site": "north", "u": {"site": "north"}, "e": midnight, "h": hub, "s": 7, "x": None}
    ]


def test_a_declared_table_converts_its_columns_and_drops_what_does_not_convert() -> None:
    query = "CREATE TABLE i (id bigint, t datetime, x float) SELECT id, x, t FROM i TIMESTAMP BY t"
    assert [column.type for column in compile_query(query).outputs["output"]] == ["int64", "double", "timestamp"]
    data = [
        {"ID": "1", "t": at(0), "x": 1, "more": 1},
        {"id": 2, "t": "soon"},
        {"id": "x", "t": at(0)},
        {"id": 3, "t": at(1)},
    ]
    result = run_all(query, {"i": data})
    assert [(row["id"], row["x"]) for row in result.outputs["output"]] == [(1, 1.0), (3, None)]
    assert result.metrics["ConversionErrors"] == 2


def test_substreams_keep_their_own_order() -> None:
    events = [
        Event(body={"d": d, "t": at(t)}, enqueued=midnight + timedelta(seconds=arrival))
        for d, t, arrival in (("fast", 20, 20), ("slow", 10, 21), ("slow", 11, 22), ("slow", 9, 23))
    ]
    from stream_engine import TimePolicy

    policy = TimePolicy(late=timedelta(seconds=60), action="Drop")
    query = "SELECT d, COUNT(*) AS n FROM i TIMESTAMP BY t OVER d GROUP BY d, TumblingWindow(minute, 1)"
    result = run_all(query, {"i": events}, policy=policy)
    same_rows(result.outputs["output"], [{"d": "fast", "n": 1}, {"d": "slow", "n": 2}])
    assert result.metrics["DroppedOrAdjustedEvents"] == 1
    tolerant = TimePolicy(late=timedelta(seconds=60), out_of_order=timedelta(seconds=2), action="Drop")
    result = run_all(query, {"i": events}, policy=tolerant)
    same_rows(result.outputs["output"], [{"d": "fast", "n": 1}, {"d": "slow", "n": 3}])
    assert result.metrics["DroppedOrAdjustedEvents"] == 0
