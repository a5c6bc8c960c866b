"""A query means what Microsoft's language reference says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from stream_engine import StreamError, compile_query
from stream_engine.testing import run, same_rows


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-01T{clock}").replace(tzinfo=UTC)


def value(expression: str, **record: object) -> object:
    """What an expression gives for one record."""
    rows = run(f"SELECT {expression} AS result FROM input", {"input": [record]})["output"]
    return rows[0]["result"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("-7 % 3", -1),
        ("7 / 2.0", 3.5),
        ("'a' + 'b'", "ab"),
        ("NULL + 1", None),
        ("CASE WHEN NULL = NULL THEN 1 ELSE 2 END", 2),
        ("CASE 2 WHEN 1 THEN 'one' WHEN 2 THEN 'two' END", "two"),
        ("CASE WHEN 5 BETWEEN 1 AND 5 AND 5 NOT IN (1, 2) THEN 1 ELSE 0 END", 1),
        ("CASE WHEN 'sensor-12' LIKE 'sensor-[0-9]_' THEN 1 ELSE 0 END", 1),
        ("CASE WHEN '50%' LIKE '50!%' ESCAPE '!' THEN 1 ELSE 0 END", 1),
        ("CASE WHEN NOT (1 = 2 OR NULL = 1) THEN 1 ELSE 0 END", 0),
        ("TRY_CAST('12' AS bigint)", 12),
        ("TRY_CAST('12.5' AS bigint)", None),
        ("TRY_CAST(' 12.5 ' AS float)", 12.5),
        ("TRY_CAST('nan' AS float)", None),
        ("TRY_CAST('9223372036854775808' AS bigint)", None),
        ("CAST(12.9 AS bigint)", 12),
        ("CAST(5.0 AS nvarchar(max))", "5"),
        ("CAST('true' AS bit)", True),
        ("TRY_CAST('{\"a\": 1}' AS record)", {"a": 1}),
        ("CAST(CAST('2026-01-01T01:00:00+01:00' AS datetime) AS nvarchar(max))", "2026-01-01T00:00:00.0000000Z"),
        ("COALESCE(NULL, NULL, 3)", 3),
        ("CONCAT('a', NULL, 1)", "a1"),
        ("CONCAT_WS('-', 'a', NULL, 'b')", "a-b"),
        ("SUBSTRING('abcdef', 2, 3)", "bcd"),
        ("SUBSTRING('abcdef', 0, 3)", "ab"),
        ("UPPER(LEFT('abc', 2)) + RIGHT('xyz', 1)", "ABz"),
        ("LEN('ab  ')", 2),
        ("CHARINDEX('c', 'abc')", 3),
        ("PATINDEX('%[0-9]%', 'ab7')", 3),
        ("REPLACE('a-b', '-', '+')", "a+b"),
        ("ROUND(2.5, 0)", 3.0),
        ("ROUND(-2.345, 2)", -2.35),
        ("FLOOR(-1.5)", -2.0),
        ("CEILING(1.2)", 2.0),
        ("ABS(-3)", 3),
        ("SIGN(-2.5)", -1.0),
        ("POWER(2, 10)", 1024),
        ("SQRT(NULL)", None),
        ("DATEDIFF(hour, '2026-01-01T00:59:00Z', '2026-01-01T01:01:00Z')", 1),
        ("DATEDIFF(month, '2025-12-31', '2026-01-01')", 1),
        ("DATEPART(weekday, '2026-01-01')", 5),
        ("DATENAME(month, '2026-01-01')", "January"),
        ("DATEADD(month, 1, '2026-01-31')", datetime(2026, 2, 28, tzinfo=UTC)),
        ("DATETIMEFROMPARTS(2026, 1, 2, 3, 4, 5, 600)", datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)),
        ("GETTYPE(CAST('2026-01-01' AS datetime))", "datetime"),
        ("NULLIF(1, 1)", None),
        ("'2026-01-01T00:00:00Z' = CAST('2026-01-01' AS datetime)", True),
    ],
)
def test_an_expression_has_the_documented_value(expression: str, expected: object) -> None:
    found = value(expression)
    assert found == expected
    assert type(found) is type(expected)


def test_names_are_found_in_any_case_and_nested_records_by_dots() -> None:
    assert value("devices.ID + DEVICES.count", Devices={"id": 1, "Count": 2}) == 3
    assert value("GetArrayElement(a, 1)", A=[1, 2]) == 2
    assert value("GetRecordPropertyValue(r, 'x')", R={"X": 5}) == 5
    assert value("input.missing.deeper") is None
    assert value("[timestamp]", timestamp=1) == value("timestamp", timestamp=1) == 1


@pytest.mark.parametrize(
    ("expression", "record", "message"),
    [
        ("CAST(x AS bigint)", {"x": "high"}, "CAST cannot make a bigint of nvarchar(max) 'high'"),
        ("x + 1", {"x": "1"}, "nvarchar(max) '1' + bigint 1 is not defined"),
        ("x > 1", {"x": "1"}, "cannot be compared"),
        ("1 / x", {"x": 0}, "divided by zero"),
        ("x * 9223372036854775807", {"x": 2}, "overflows"),
        ("UPPER(x)", {"x": 1}, "UPPER takes nvarchar(max) as argument 1, found bigint 1"),
        ("SQRT(x)", {"x": -1}, "SQRT has no result for bigint -1"),
    ],
)
def test_a_value_that_does_not_fit_stops_the_query_and_points_at_the_place(
    expression: str, record: dict[str, object], message: str
) -> None:
    with pytest.raises(StreamError) as caught:
        value(expression, **record)
    assert message in str(caught.value)
    assert "^" in str(caught.value)


def test_a_tumbling_window_excludes_its_start_and_includes_its_end() -> None:
    rows = run(
        "SELECT System.Timestamp() AS ends, COUNT(*) AS n FROM i TIMESTAMP BY t GROUP BY TumblingWindow(minute, 5)",
        {"i": [{"t": f"2026-01-01T00:{t}Z"} for t in ("00:00", "00:01", "05:00", "05:01")]},
    )["output"]
    assert rows == [
        {"ends": at("00:00"), "n": 1},
        {"ends": at("00:05"), "n": 2},
        {"ends": at("00:10"), "n": 1},
    ]


@pytest.mark.parametrize(
    "window",
    ["TumblingWindow(Duration(minute, 5), Offset(millisecond, -1))", "Tumbling(Duration(mi, 5), Offset(ms, -1))"],
)
def test_an_offset_of_minus_a_millisecond_includes_the_start_and_excludes_the_end(window: str) -> None:
    rows = run(
        f"SELECT COUNT(*) AS n FROM i TIMESTAMP BY t GROUP BY {window}",
        {"i": [{"t": f"2026-01-01T00:{t}Z"} for t in ("00:00", "04:59", "05:00")]},
    )["output"]
    assert [row["n"] for row in rows] == [2, 1]


def test_a_hopping_window_counts_an_event_once_in_each_window_that_holds_it() -> None:
    rows = run(
        "SELECT System.Timestamp() AS ends, SUM(x) AS s FROM i TIMESTAMP BY t GROUP BY HoppingWindow(minute, 10, 5)",
        {"i": [{"t": "2026-01-01T00:05:00Z", "x": 1}, {"t": "2026-01-01T00:06:00Z", "x": 10}]},
    )["output"]
    assert rows == [
        {"ends": at("00:05"), "s": 1},
        {"ends": at("00:10"), "s": 11},
        {"ends": at("00:15"), "s": 10},
    ]


def test_aggregates_leave_null_out_and_know_distinct_values() -> None:
    rows = run(
        """SELECT COUNT(*) AS rows_, COUNT(x) AS n, COUNT(DISTINCT x) AS d, SUM(x) AS s, AVG(x) AS a, MIN(x) AS lo,
                  MAX(x) AS hi, STDEV(x) AS dev, STDEVP(x) AS devp, VAR(x) AS v, VARP(x) AS vp
           FROM i TIMESTAMP BY t GROUP BY TumblingWindow(minute, 1)""",
        {"i": [{"t": "2026-01-01T00:00:30Z", "x": x} for x in (1, 1, 4, None)]},
    )["output"]
    same_rows(
        rows,
        [
            {
                "rows_": 4, "n": 3, "d": 2, "s": 6, "a": 2.0, "lo": 1, "hi": 4,
                "dev": 3.0**0.5, "devp": 2.0**0.5, "v": 3.0, "vp": 2.0,
            }
        ],
    )  # fmt: skip


def test_aggregates_of_nothing_but_null_are_null() -> None:
    rows = run(
        "SELECT SUM(x) AS s, AVG(x) AS a, STDEV(y) AS d FROM i TIMESTAMP BY t GROUP BY TumblingWindow(minute, 1)",
        {"i": [{"t": "2026-01-01T00:00:30Z", "x": None, "y": 1}]},
    )["output"]
    assert rows == [{"s": None, "a": None, "d": None}]


def test_having_sees_groups_and_where_sees_events() -> None:
    rows = run(
        """SELECT device, COUNT(*) AS n FROM i TIMESTAMP BY t WHERE x > 0
           GROUP BY device, TumblingWindow(minute, 1) HAVING COUNT(*) > 1""",
        {
            "i": [
                {"t": "2026-01-01T00:00:30Z", "device": d, "x": x} for d, x in (("a", 1), ("a", 1), ("b", 1), ("b", 0))
            ]
        },
    )["output"]
    assert rows == [{"device": "a", "n": 2}]


def test_duplicates_are_merged_in_a_step_and_counted_in_the_next() -> None:
    events = [
        {"id": 1, "t": "2026-01-01T00:01:00Z", "x": 1.0},
        {"id": 1, "t": "2026-01-01T00:01:00Z", "x": 1.0},
        {"id": 2, "t": "2026-01-01T00:02:00Z", "x": 3.0},
    ]
    query = """
        WITH once AS (
            SELECT id, COUNT(*) AS copies, MAX(x) AS x FROM i TIMESTAMP BY t GROUP BY id, System.Timestamp()
        )
        SELECT System.Timestamp() AS ends, COUNT(*) AS events, SUM(copies) - COUNT(*) AS duplicates, AVG(x) AS mean
        INTO features FROM once GROUP BY TumblingWindow(minute, 5)
        SELECT * INTO plain FROM once
    """
    outputs = run(query, {"i": events})
    assert outputs["features"] == [{"ends": at("00:05"), "events": 2, "duplicates": 1, "mean": 2.0}]
    assert outputs["plain"] == [{"id": 1, "copies": 2, "x": 1.0}, {"id": 2, "copies": 1, "x": 3.0}]


def test_isfirst_marks_the_first_event_of_each_interval_before_where() -> None:
    events = [
        {"t": f"2026-01-01T00:{t}Z", "d": d}
        for t, d in (("01:00", "a"), ("02:00", "a"), ("03:00", "b"), ("06:00", "a"))
    ]
    query = """SELECT d, ISFIRST(minute, 5) OVER (PARTITION BY d) AS first, ISFIRST(mi, 5) AS any
               FROM i TIMESTAMP BY t WHERE d = 'a'"""
    rows = run(query, {"i": events})["output"]
    assert [(row["first"], row["any"]) for row in rows] == [(1, 1), (0, 0), (1, 1)]


def test_the_types_of_outputs_are_what_the_query_states() -> None:
    query = compile_query(
        """WITH s AS (SELECT CAST(a AS bigint) AS a, b, TRY_CAST(c AS float) AS c FROM i)
           SELECT a, b, a * 2 AS twice, a + c AS more, System.Timestamp() AS at,
                  CASE WHEN a = 1 THEN 'x' ELSE NULL END AS t,
                  COALESCE(a, c) AS either, UPPER(b) AS big INTO first FROM s
           SELECT COUNT(*) AS n, AVG(a) AS mean, SUM(a) AS total, MAX(b) AS most INTO second
           FROM s GROUP BY TumblingWindow(second, 1)
           SELECT * INTO third FROM s SELECT * INTO fourth FROM i"""
    )
    types = {name: {column.name: column.type for column in columns} for name, columns in query.outputs.items()}
    assert query.inputs == ("i",)
    assert types == {
        "first": {
            "a": "int64", "b": None, "twice": "int64", "more": "double", "at": "timestamp", "t": "string",
            "either": "double", "big": "string",
        },
        "second": {"n": "int64", "mean": "double", "total": "int64", "most": None},
        "third": {"a": "int64", "b": None, "c": "double"},
        "fourth": {},
    }  # fmt: skip
