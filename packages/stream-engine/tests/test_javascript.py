"""JavaScript functions run in a query as Microsoft's page says, and what is wrong in them is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from stream_engine import JavaScript, QueryError, StreamError, compile_query
from stream_engine import run as run_all
from stream_engine.__main__ import main
from stream_engine.testing import run

midnight = datetime(2026, 1, 1, tzinfo=UTC)
hex_to_int = "function hex2Int(hexValue) { return parseInt(hexValue, 16); }"


def value(script: str | JavaScript, expression: str = "UDF.f(x)", **record: object) -> Any:
    """What an expression that calls the function f gives for one record."""
    text = f"SELECT {expression} AS result FROM input"
    return run(text, {"input": [record]}, functions={"f": script})["output"][0]["result"]


def test_a_function_stands_wherever_an_expression_may() -> None:
    query = """WITH numbers AS (SELECT UDF.hex2Int(h) AS n, t FROM i TIMESTAMP BY udf.fromMinutes(t)
                                WHERE UDF.HEX2INT(h) > 1)
               SELECT UDF.parity(n) AS parity, COUNT(*) AS c, MAX(CAST(UDF.parity(n) AS nvarchar(max))) AS m,
                      CASE WHEN UDF.parity(UDF.parity(n)) = 'odd' THEN 1 ELSE 0 END AS o, System.Timestamp() AS ends
               FROM numbers GROUP BY UDF.parity(n), TumblingWindow(minute, 1)
               HAVING UDF.parity(COUNT(*)) = 'even'"""
    functions = {
        "hex2Int": hex_to_int,
        "fromMinutes": "const main = (minutes) => new Date(Date.UTC(2026, 0, 1, 0, minutes))",
        "parity": "function main(n) { return n % 2 ? 'odd' : n % 2 === 0 ? 'even' : 'odd'; }",
    }
    data = [{"h": h, "t": 1} for h in ("1", "2", "3", "a", "b", "ff")]
    assert run(query, {"i": data}, functions=functions)["output"] == [
        {"parity": "even", "c": 2, "m": "even", "o": 1, "ends": midnight + timedelta(minutes=1)}
    ]


def test_a_function_stands_in_the_on_of_a_join() -> None:
    query = """SELECT i.h AS a, r.n AS b FROM i JOIN r ON UDF.hex2Int(i.h) = r.n AND UDF.hex2Int(i.h) < 20"""
    rows = run(
        query,
        {"i": [{"h": "a"}, {"h": "ff"}]},
        reference={"r": [{"n": 10}, {"n": 255}]},
        functions={"hex2Int": hex_to_int},
    )
    assert rows["output"] == [{"a": "a", "b": 10}]


def test_a_source_stands_for_its_whole_event() -> None:
    script = "function main(event) { return JSON.stringify(event); }"
    text = "SELECT UDF.f(input) AS a, UDF.f(s.input) AS b, input.x AS c FROM input s"
    with pytest.raises(QueryError, match="input"):
        compile_query("SELECT UDF.f(other) AS a FROM (SELECT a FROM input) s", functions={"f": script})
    assert value(script, "UDF.f(input)", b=1, a=[{"c": None}]) == '{"b":1,"a":[{"c":null}]}'
    assert value(script, "UDF.f(input)", Input=5) == "5"
    rows = run(text.replace("UDF.f(input)", "UDF.f(s)"), {"input": [{"input": {"x": 1}}]}, functions={"f": script})
    assert rows["output"] == [{"a": '{"input":{"x":1}}', "b": '{"x":1}', "c": 1}]
    text = "WITH a AS (SELECT x AS a FROM input) SELECT UDF.f(a) AS r FROM a"
    assert run(text, {"input": [{"x": None}]}, functions={"f": script})["output"] == [{"r": "null"}]
    text = "SELECT UDF.f(input) AS r FROM input GROUP BY input, Tumbling(second, 1)"
    assert run(text, {"input": [{"input": 7}]}, functions={"f": script})["output"] == [{"r": "7"}]


@pytest.mark.parametrize(
    ("record", "script", "expected"),
    [
        (5, "typeof x + x", "number5"),
        (2.5, "typeof x + x", "number2.5"),
        (2**53 + 1, "x", 2**53),
        ("ä€😀", "x.length + x", "4ä€😀"),
        (midnight + timedelta(microseconds=1999), "x.toISOString()", "2026-01-01T00:00:00.001Z"),
        ({"A": {"b": [midnight]}}, "x.A.b[0] instanceof Date && x.a === undefined ? 1 : 0", 1),
        ([1, None, "a"], "Array.isArray(x) && x[1] === null ? x.reverse() : 0", ["a", None, 1]),
        (None, "x === null ? 'null' : typeof x", "null"),
        (True, "x === true ? 1 : 0", 1),
        (["d", 5], "x", ["d", 5]),
        ({"__proto__": 1}, "Object.keys(x).length", 1),
    ],
)
def test_an_argument_becomes_what_javascript_has_for_it(record: object, script: str, expected: object) -> None:
    found = value(f"function main(x) {{ return {script}; }}", x=record)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("1", 1),
        ("1.0", 1),
        ("-0", 0),
        ("0.5", 0.5),
        ("9007199254740993", 9007199254740992),
        ("2 ** 63 - 1024", 2**63 - 1024),
        ("-(2 ** 63)", -(2**63)),
        ("2 ** 63", 2.0**63),
        ("1e300", 1e300),
        ("'a\\ud800'", "a\ufffd"),
        ("null", None),
        ("undefined", None),
        ("new Date(1767225600123)", midnight + timedelta(milliseconds=123)),
        ("new Date(-1)", datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        ("[1, [new Date(0)], undefined]", [1, [datetime(1970, 1, 1, tzinfo=UTC)], None]),
        ("({a: {b: 1.5}, c: undefined, __proto__: {d: 1}})", {"a": {"b": 1.5}, "c": None}),
    ],
)
def test_a_result_becomes_what_the_query_has_for_it(script: str, expected: object) -> None:
    found = value(f"function main() {{ return {script}; }}", "UDF.f()")
    assert found == expected
    assert type(found) is type(expected)


def test_a_field_of_a_result_is_read_by_a_dot() -> None:
    assert (
        value("function main(x) { return JSON.parse(x); }", "UDF.f(x).intent.name", x='{"intent": {"name": "go"}}')
        == "go"
    )


def test_the_declared_output_is_the_type_of_the_column() -> None:
    functions = {"f": JavaScript(script="function main(x) { return x; }", output="float"), "g": "function main() {}"}
    query = compile_query("SELECT UDF.f(x) AS f, UDF.f(x) + 1 AS more, UDF.g() AS g FROM i", functions=functions)
    assert [column.type for column in query.outputs["output"]] == ["double", "double", None]
    found = run_all(query, {"i": [{"x": 2}]}).outputs["output"][0]["f"]
    assert (found, type(found)) == (2.0, float)
    with pytest.raises(StreamError, match=r"nvarchar\(max\) 'a' was returned, the declared output is float"):
        run_all(query, {"i": [{"x": "a"}]})
    with pytest.raises(ValueError, match="the output 'int' is no type"):
        JavaScript(script="", output="int")


def rows_that_must_not_be_read() -> Iterator[Mapping[str, Any]]:
    raise AssertionError("a row was read")
    yield {}


@pytest.mark.parametrize(
    ("script", "place", "message"),
    [
        ("function main( {", (1, 17), "SyntaxError"),
        ("// first\n\nfunction main(x) { return x +; }", (3, 30), "SyntaxError"),
        ("let a = 1;\n  let a = 2;", (2, 9), "invalid redefinition"),
        ("function main(x) {}\nmissing.call();", (2, 1), "missing is not defined"),
        ("const other = 1;", (1, 1), "the script defines no function main, nor f"),
        ("const main = 5;", (1, 1), "the script defines no function main, nor f"),
        ("while (true) {}", (1, 1), "it did not end within 0.2 s"),
        ("import x from 'fs';", (1, 8), "SyntaxError"),
    ],
)
def test_a_script_that_cannot_be_loaded_is_told_before_any_row_is_read(
    script: str, place: tuple[int, int], message: str
) -> None:
    functions = {"f": JavaScript(script=script, name="f.js", seconds=0.2)}
    with pytest.raises(QueryError) as caught:
        run("SELECT UDF.f(x) AS y FROM i", {"i": rows_that_must_not_be_read()}, functions=functions)
    assert message in caught.value.message
    assert (caught.value.name, caught.value.line, caught.value.column) == ("f.js", *place)
    assert str(caught.value).splitlines()[1:] == [script.splitlines()[place[0] - 1], " " * (place[1] - 1) + "^"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("\n  return x.a.b;", "TypeError: cannot read property 'b' of undefined (f.js, line 2, column 10)"),
        ("return JSON.parse('{')", "SyntaxError"),
        ("throw 'no ' + x", "no 1 (f.js)"),
        ("throw new Error('bad')", "Error: bad (f.js, line 1"),
        ("while (true) {}", "it did not end within 0.2 s (f.js, line 1"),
        ("try { while (true) {} } catch (e) { return 1; }", "it did not end within 0.2 s"),
        ("return /^(a+)+$/.test('a'.repeat(60) + '!') ? 1 : 0", "it did not end within 0.2 s"),
        ("return main(x)", "Maximum call stack size exceeded"),
        ("const a = []; while (true) a.push(new Array(9999).fill(1));", "out of memory"),
        ("const a = {}; a.a = a; return a;", "Maximum call stack size exceeded"),
        ("return true", "Boolean was returned, for which Stream Analytics has no type (f.js)\n"),
        ("return NaN", "NaN was returned"),
        ("return 1 / 0", "Infinity was returned"),
        ("return 5n", "BigInt was returned"),
        ("return Symbol('a')", "Symbol was returned"),
        ("return () => 1", "Function was returned"),
        ("return {a: () => 1}", "Function was returned"),
        ("return [new Error('a')]", "Error was returned"),
        ("return new Map([[1, 2]])", "Map was returned"),
        ("return Promise.resolve(1)", "Promise was returned"),
        ("return new Date('never')", "an invalid Date was returned"),
        ("return new Date(8.64e15)", "a Date beyond the years 1 to 9999 was returned"),
        ("return fetch('https://example.org')", "fetch is not defined"),
        ("return require('fs')", "require is not defined"),
        ("return import('fs')", "Promise was returned"),
    ],
)
def test_an_error_in_a_script_stops_the_query_and_names_both_places(body: str, message: str) -> None:
    script = JavaScript(script=f"function main(x) {{ {body} }}", name="f.js", seconds=0.2)
    with pytest.raises(StreamError, match=r"query, line 1, column 8: UDF\.f: ") as caught:
        value(script, x=1)
    assert message in str(caught.value)
    assert str(caught.value).endswith("\n" + " " * 7 + "^")


def test_a_script_cannot_change_how_values_travel() -> None:
    script = """Array.prototype.map = () => ["x"]; JSON.stringify = () => '"x"'; Object.keys = () => ["x"];
                Date.prototype.getTime = () => 0; Map.prototype.get = () => main; Object.prototype.toString = () => 'x';
                function main(x) { return [x, {a: new Date(1767225600000)}]; }"""
    assert value(script, x=[1, {"b": 2}]) == [[1, {"b": 2}], {"a": midnight}]


def test_functions_of_one_query_run_in_threads() -> None:
    query = compile_query("SELECT UDF.f(x) AS y FROM i", functions={"f": "function main(x) { return x * 2; }"})
    found: dict[int, list[Any]] = {}

    def work(number: int) -> None:
        rows = run_all(query, {"i": [{"x": number * 1000 + each} for each in range(300)]}).outputs["output"]
        found[number] = [row["y"] for row in rows]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [2 * (n * 1000 + each) for each in range(300)] for n in range(4)}


def test_the_command_takes_functions_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "q.asaql").write_text("SELECT UDF.hex2Int(h) AS n INTO out FROM i")
    (tmp_path / "hex.js").write_text(hex_to_int)
    (tmp_path / "i.jsonl").write_text('{"h": "ff"}\n')
    command = [
        *("run", "--query", f"{tmp_path}/q.asaql", "--input", f"i={tmp_path}/i.jsonl", "--output", str(tmp_path)),
        *("--function", f"hex2Int={tmp_path}/hex.js"),
    ]
    assert main(command) == 0
    assert (tmp_path / "out.jsonl").read_text() == '{"n":255}\n'
    (tmp_path / "hex.js").write_text("function main( {")
    assert main(command) == 1
    assert f"{tmp_path}/hex.js, line 1, column 17: the function hex2Int cannot be loaded" in capsys.readouterr().err
