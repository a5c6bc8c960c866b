"""Functions and operators give what the pages of Microsoft's language reference give as their results."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stream_engine import Event, QueryError, StreamError, TimePolicy, compile_query
from stream_engine import run as run_all
from stream_engine.testing import run

midnight = datetime(2026, 1, 1, tzinfo=UTC)


def value(expression: str, **record: object) -> object:
    """What an expression gives for one record."""
    rows = run(f"SELECT {expression} AS result FROM input", {"input": [record]})["output"]
    return rows[0]["result"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ROUND(1, 0)", 1),
        ("ROUND(-1, 0)", -1),
        ("ROUND(1.0, 0)", 1.0),
        ("ROUND(0.5, 0)", 1.0),
        ("ROUND(-0.5, 0)", -1.0),
        ("ROUND(1.234, 2)", 1.23),
        ("ROUND(1.234, 10)", 1.234),
        ("ROUND(123.4, -1)", 120.0),
        ("ROUND(123.4, -10)", 0.0),
        ("ROUND(501.0101, -3)", 1000.0),
        ("ROUND(123.9995, 3)", 124.0),
        ("ROUND(-155, -1)", -160),
        ("ROUND(9223372036854775807, 0)", 9223372036854775807),
        ("ROUND(20.5, 400)", 20.5),
        ("POWER(3, 2)", 9),
        ("POWER(2, -1)", 0),
        ("POWER(-2, 63)", -(2**63)),
        ("POWER(2.25, 0.5)", 1.5),
    ],
)
def test_a_number_keeps_its_type_and_rounds_half_away_from_zero(expression: str, expected: object) -> None:
    found = value(expression)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("LEFT('abcdefg', 2)", "ab"),
        ("RIGHT('abcdefg', 2)", "fg"),
        ("RIGHT('abcdefg', 9)", "abcdefg"),
        ("RIGHT('abcdefg', 0)", ""),
        ("SUBSTRING('abcdefg', 2, 4)", "bcde"),
        ("REPLACE('abcde', 'cde', '')", "ab"),
        ("REPLACE('abcde', '', 'xxx')", "abcde"),
        ("REPLACE('abcde', NULL, 'xxx')", None),
        ("REPLICATE('0', 3)", "000"),
        ("REPLICATE('0', -1)", None),
        ("CONCAT(REPLICATE('0', 4 - LEN('99A')), '99A')", "099A"),
        ("CONCAT(REPLICATE('0', 4 - LEN('123456789')), '123456789')", "123456789"),
        ("RTRIM('LastName  ') + ',' + SPACE(1) + LTRIM('    FirstName')", "LastName, FirstName"),
        ("SPACE(-1)", None),
        ("STUFF('abcdef', 2, 3, 'ijklmn')", "aijklmnef"),
        ("STUFF('abcdef', 2, 0, 'x')", "axbcdef"),
        ("STUFF('abcdef', 0, 1, 'x')", "xbcdef"),
        ("STUFF('abcdef', 4, 99, 'x')", "abcx"),
        ("STUFF('abcdef', 7, 1, 'x')", ""),
        ("TRANSLATE('2*[3+4]/{7-2}', '[]{}', '()()')", "2*(3+4)/(7-2)"),
        ("TRANSLATE('[137.4,72.3]', '[,]', '( )')", "(137.4 72.3)"),
        ("TRANSLATE('aab', 'aa', 'xy')", "xxb"),
        ("TRIM(NCHAR(160) + '  a test ' + NCHAR(9) + NCHAR(8232))", "a test"),
        ("TRIM(NCHAR(31) + 'a')", "\x1fa"),
        ("LTRIM(NCHAR(12288) + 'a ')", "a "),
        ("RTRIM(' a' + NCHAR(13) + NCHAR(10))", " a"),
        ("NCHAR(UNICODE('茶'))", "茶"),
        ("NCHAR(1114111)", "\U0010ffff"),
        ("NCHAR(1114112)", None),
        ("NCHAR(-1)", None),
        ("REGEXMATCH('ABC-123', '[0-9][0-9][0-9]')", 5),
        ("REGEXMATCH('ABC', '^b?abc$')", 1),
        ("REGEXMATCH('a' + NCHAR(10) + 'b', 'a.b')", 1),
        ("REGEXMATCH('a-b', '(?<first>a)-\\w')", 1),
        ("REGEXMATCH('é1', '\\w')", 2),
        ("REGEXMATCH(NCHAR(128512) + 'b', 'b')", 2),
        ("REGEXMATCH('abc', 'x')", 0),
        ("REGEXMATCH('abc', '(')", 0),
        ("REGEXMATCH('abc', NULL)", None),
        ("JSON_PARSE(event.current).Name", "Touring"),
        ("JSON_PARSE('[1]')", None),
        ("JSON_PARSE('{')", None),
        ("JSON_PARSE(1)", None),
        ("DATEADD(day, -2.9, '2026-01-03')", datetime(2026, 1, 1, tzinfo=UTC)),
        ("DATEPART(w, '2026-01-01')", 5),
    ],
)
def test_text_and_dates_are_made_as_documented(expression: str, expected: object) -> None:
    found = value(expression, event={"current": '{"Name": "Touring"}'})
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("170 & 75", 10),
        ("170 | 75", 235),
        ("170 ^ 75", 225),
        ("~170", -171),
        ("~ ~ 5", 5),
        ("~1 + 2", 0),
        ("bit1 & bit0", False),
        ("bit1 | bit0", True),
        ("bit1 ^ bit1", False),
        ("~ bit1", False),
        ("bit1 & 1", 1),
        ("bit1 & NULL", None),
        ("~ NULL", None),
        ("GetType(bit0 ^ bit0)", "bit"),
        ("GetType(bit0 ^ 0)", "bigint"),
        ("1 + 2 * 3 & 6", 6),
        ("1 | 2 = 3", True),
        ("-1 & 255", 255),
    ],
)
def test_bitwise_operators_work_on_bits_and_bigints(expression: str, expected: object) -> None:
    found = value(expression, bit0=False, bit1=True)
    assert found == expected
    assert type(found) is type(expected)


def test_the_types_of_bitwise_operators_are_stated() -> None:
    query = compile_query("CREATE TABLE i (a bit, b bit) SELECT a & b AS x, ~b AS y, a | 1 AS z FROM i")
    assert [column.type for column in query.outputs["output"]] == ["boolean", "boolean", "int64"]


def test_a_star_leaves_out_what_was_selected_before_and_spreads_the_fields_of_a_record() -> None:
    event = {"id": 1, "Place": {"Room": 2, "ID": 3, "shelf": {"n": 4}}}
    text = "SELECT id, place.*, place.shelf.*, i.place.missing.*, * FROM i"
    assert run(text, {"i": [event]})["output"] == [
        {"id": 1, "Room": 2, "shelf": {"n": 4}, "n": 4, "Place": event["Place"]}
    ]
    assert run("SELECT i.place.shelf.* FROM i", {"i": [event]})["output"] == [{"n": 4}]


def test_a_comparison_may_be_written_with_an_exclamation_mark() -> None:
    rows = run("SELECT x FROM i WHERE x !> 4 AND x !< 2 AND x != 3", {"i": [{"x": x} for x in range(6)]})["output"]
    assert rows == [{"x": 2}, {"x": 4}]


def test_count_takes_nothing_all_and_a_source(tmp_path: Path) -> None:
    query = """SELECT COUNT() AS a, COUNT(ALL x) AS b, COUNT(i) AS c, COUNT(DISTINCT i) AS d FROM i
               GROUP BY TumblingWindow(second, 1)"""
    data = [{"x": 1}, {"x": 1}, {"x": None}]
    assert run(query, {"i": data})["output"] == [{"a": 3, "b": 2, "c": 3, "d": 2}]
    (tmp_path / "i.jsonl").write_text("".join(json.dumps(each) + "\n" for each in data))
    for measure, expected in (
        ("COUNT(i)", 3),
        ("COUNT(DISTINCT x & 2)", 1),
        ("SUM(~x)", -4),
        ("SUM(CAST(x AS bigint) ^ 3)", 4),
    ):
        query = f"SELECT {measure} AS m FROM i GROUP BY TumblingWindow(second, 1)"
        assert run_all(query, {"i": tmp_path / "i.jsonl"}).outputs["output"] == [{"m": expected}]
    rows = run_all("SELECT CAST(x AS bigint) ^ 3 AS m FROM i", {"i": tmp_path / "i.jsonl"}).outputs["output"]
    assert sorted(str(row["m"]) for row in rows) == ["2", "2", "None"]


def test_max_and_min_take_text_for_a_number_unless_it_was_cast() -> None:
    query = """SELECT MAX(x) AS a, MIN(x) AS b, MAX(CAST(x AS nvarchar(max))) AS c FROM i
               GROUP BY TumblingWindow(second, 1)"""
    assert run(query, {"i": [{"x": "9"}, {"x": "10"}]})["output"] == [{"a": 10.0, "b": 9.0, "c": "9"}]
    with pytest.raises(StreamError, match=r"MAX of text that is no number needs CAST\(… AS nvarchar\(max\)\)"):
        run(query, {"i": [{"x": "a"}]})


def test_windows_need_no_identity_and_system_window_is_a_record() -> None:
    query = """SELECT System.Window() AS w, System.Window().Id AS id, COUNT(*) AS n FROM i TIMESTAMP BY t
               GROUP BY Windows({})"""
    data = {"i": [{"t": "2026-01-01T00:00:01Z"}, {"t": "2026-01-01T00:00:03Z"}]}
    rows = run(query.format("Tumbling(second, 2), Tumbling(second, 4)"), data)["output"]
    assert rows == [{"w": {"Id": None}, "id": None, "n": n} for n in (1, 1, 2)]
    rows = run(query.format("Window('a', Tumbling(second, 2)), Window('b', Tumbling(second, 4))"), data)["output"]
    assert rows == [{"w": {"Id": name}, "id": name, "n": n} for name, n in (("a", 1), ("a", 1), ("b", 2))]


def test_a_key_is_the_same_in_any_case_and_with_its_source() -> None:
    query = """SELECT UPPER(D) + 'x' AS d, datepart(HOUR, i.t) AS h, {} AS s, COUNT(*) AS n FROM i TIMESTAMP BY t
               GROUP BY upper(i.d), DATEPART(hour, T), CONCAT(d, 'a'), TumblingWindow(second, 10)"""
    data = {"i": [{"t": "2026-01-01T05:00:01Z", "D": d} for d in "aA"]}
    rows = run(query.format("CONCAT(D, 'a')"), data)["output"]
    assert rows == [{"d": "Ax", "h": 5, "s": s, "n": 1} for s in ("aa", "Aa")]
    for other in ("CONCAT(d, 'A')", "CONCAT(d, 1)", "LOWER(d)"):
        with pytest.raises(QueryError, match="d is neither in GROUP BY nor in an aggregate"):
            run(query.format(other), data)


def test_both_sides_of_a_union_may_stand_in_brackets() -> None:
    text = "(SELECT x FROM i) UNION (SELECT x FROM i WHERE x = 1 UNION (SELECT x FROM i))"
    assert run(text, {"i": [{"x": 1}]})["output"] == [{"x": 1}] * 3
    assert run(f"WITH s AS ({text}) SELECT x FROM s", {"i": [{"x": 1}]})["output"] == [{"x": 1}] * 3


def test_streams_have_several_keys() -> None:
    text = """SELECT a, b, COUNT(*) AS n FROM i TIMESTAMP BY t OVER a, b PARTITION BY a, b
              GROUP BY a, b, TumblingWindow(second, 1)"""
    events = [
        Event(body={"t": (midnight + timedelta(seconds=t)).isoformat(), "a": a, "b": b}, enqueued=midnight)
        for t, a, b in ((3, 1, 1), (1, 1, 2), (2, 1, 1))
    ]
    result = run_all(text, {"i": events}, policy=TimePolicy(action="Drop"))
    assert result.outputs["output"] == [{"a": 1, "b": 2, "n": 1}, {"a": 1, "b": 1, "n": 1}]
    assert result.metrics["DroppedOrAdjustedEvents"] == 1


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1.5 & 1", "float 1.5 & bigint 1 is not defined"),
        ("~ 'a'", "~ nvarchar(max) 'a' is not defined"),
        ("LEFT('abc', -1)", "LEFT has no result"),
        ("POWER(2, 63)", "POWER has no result"),
        ("POWER(0, -1)", "POWER has no result"),
        ("REGEXMATCH('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', '^(a+)+$')", "REGEXMATCH has no result"),
        ("REPLICATE('abc', 1000000000000)", "REPLICATE has no result"),
        ("RIGHT('abc', -1)", "RIGHT has no result"),
        ("STUFF('abc', 1, -1, 'x')", "STUFF has no result"),
        ("TRANSLATE('abc', 'ab', 'x')", "TRANSLATE has no result"),
    ],
)
def test_what_has_no_result_stops_the_query(expression: str, message: str) -> None:
    with pytest.raises(StreamError, match=r"\^") as caught:
        value(expression)
    assert message in str(caught.value)
