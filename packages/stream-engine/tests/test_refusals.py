"""What the engine does not run is refused by name, line and column, before any row is read."""

from __future__ import annotations

import pytest
from stream_engine import QueryError, compile_query


@pytest.mark.parametrize(
    ("query", "place", "message"),
    [
        ("SELECT a FROM b ORDER BY a", (1, 17), "ORDER BY"),
        ("SELECT DISTINCT a FROM b", (1, 8), "SELECT DISTINCT"),
        ("SELECT TOP 5 a FROM b", (1, 8), "SELECT TOP"),
        ("SELECT a\nFROM b\nMATCH_RECOGNIZE (x)", (3, 1), "MATCH_RECOGNIZE"),
        ("SELECT a FROM b RIGHT JOIN c ON a = b", (1, 17), "RIGHT JOIN"),
        ("SELECT FOO(a) FROM b", (1, 8), "the function FOO is not supported"),
        ("SELECT SUBSTR(a, 1, 2) FROM b", (1, 8), "did you mean"),
        ("SELECT GetMetadataPropertyValue(b, 'EventId') AS e FROM b", (1, 36), "EventId is not supported"),
        ("SELECT udf.hash(a) AS h FROM b", (1, 8), "no JavaScript functions are given"),
        (
            "SELECT AnomalyDetection_SpikeAndDip(a, 95, 120, 'x') OVER (LIMIT DURATION(s, 120)) AS s FROM b",
            (1, 8),
            "model",
        ),
        ("SELECT COUNT(*) FROM b", (1, 8), "COUNT needs GROUP BY"),
        ("SELECT a, COUNT(*) FROM b GROUP BY c, TumblingWindow(minute, 1)", (1, 8), "neither in GROUP BY"),
        ("SELECT a FROM b GROUP BY a", (1, 26), "GROUP BY needs a window"),
        ("SELECT a FROM b WHERE COUNT(*) > 1", (1, 23), "COUNT is an aggregate"),
        ("SELECT a FROM b WHERE TumblingWindow(s, 1) = 1", (1, 23), "stands in GROUP BY only"),
        ("SELECT a FROM b GROUP BY a, TumblingWindow(month, 1)", (1, 51), "not measured in month"),
        ("SELECT a FROM b GROUP BY a, TumblingWindow(day, 8)", (1, 29), "at most 7 days"),
        ("SELECT a FROM b GROUP BY a, TumblingWindow(s, 5, 1, 1)", (1, 29), "takes (unit, Duration, [Offset])"),
        ("SELECT a FROM b GROUP BY a, TumblingWindow(5)", (1, 29), "takes (unit, Duration, [Offset])"),
        ("SELECT CAST(a AS int) AS a FROM b", (1, 18), "unknown type 'int'"),
        ("SELECT DATEDIFF(moon, a, b) FROM b", (1, 17), "a unit of time"),
        ("SELECT ABS(a, b) FROM b", (1, 8), "ABS takes 1 arguments, found 2"),
        ("SELECT a + 1 FROM b", (1, 10), "needs a name"),
        ("SELECT a, A FROM b", (1, 11), "two columns"),
        ("WITH s AS (SELECT abc FROM b) SELECT abd FROM s", (1, 38), "did you mean abc?"),
        ("WITH s AS (SELECT abc FROM b) SELECT abd FROM s GROUP BY abc, Tumbling(s, 1)", (1, 38), "did you mean abc?"),
        ("WITH s AS (SELECT a FROM b) SELECT a FROM s TIMESTAMP BY a", (1, 58), "where an input is read"),
        ("SELECT a INTO o FROM b SELECT c INTO O FROM b", (1, 24), "two SELECT write to the output"),
        ("SELECT a FROM b WHERE 1", (1, 23), "a condition is expected"),
        ("SELECT a FROM b PARTITION BY a, c GROUP BY a, Tumbling(s, 1)", (1, 44), "grouped by its partition key too"),
        ("SELECT COUNT(*) AS n FROM b GROUP BY Windows(Tumbling(s, 1), Window('a', Tumbling(s, 2)))", (1, 38), "all"),
        (
            "SELECT COUNT(*) AS n FROM b GROUP BY Windows(Window('a', Tumbling(s, 1)), Window('A', Tumbling(s, 2)))",
            (1, 38),
            "different ids",
        ),
        ("SELECT a FROM b GROUP BY a, Windows(Window(5, Tumbling(s, 1)))", (1, 37), "an id in quotes"),
        ("SELECT a FROM b GROUP BY a, Windows(Window('a', System.Timestamp()))", (1, 37), "no snapshot"),
        ("SELECT LAG(DISTINCT a) OVER (LIMIT DURATION(s, 1)) AS l FROM b", (1, 8), "neither ORDER BY nor DISTINCT"),
        ("SELECT LAG(a) OVER (ORDER BY a LIMIT DURATION(s, 1)) AS l FROM b", (1, 8), "neither ORDER BY nor DISTINCT"),
        ("SELECT COUNT(DISTINCT) AS n FROM b GROUP BY Tumbling(s, 1)", (1, 8), "COUNT takes 1 arguments"),
        ("SELECT a FROM b WHERE a = 'x", (1, 27), "not closed"),
        ("SELECT a FROM b WHERE a ? 1", (1, 25), "unexpected character '?'"),
        ("SELECT a FROM", (1, 14), "found the end of the query"),
        ("CREATE FUNCTION f", (1, 8), "only CREATE TABLE"),
        ("", (1, 1), "no SELECT"),
    ],
)
def test_a_query_is_refused_at_its_place(query: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(QueryError) as caught:
        compile_query(query, name="q.asaql")
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == place
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"q.asaql, line {place[0]}, column {place[1]}: ")
    assert lines[-1] == " " * (place[1] - 1) + "^"
