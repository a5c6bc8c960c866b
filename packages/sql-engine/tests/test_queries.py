"""Queries: names, grouping, order, NULL, windows and views mean what they mean in T-SQL."""

from __future__ import annotations

import datetime

import pytest

QUERIES = [
    ("order puts NULL first", "SELECT Score FROM scores ORDER BY Score", [(None,), (1.5,), (2.5,)]),
    ("descending puts NULL last", "SELECT Score FROM scores ORDER BY 1 DESC", [(2.5,), (1.5,), (None,)]),
    ("order by what is not selected", "SELECT DeviceId FROM scores ORDER BY Score DESC", [("a",), ("a",), ("B",)]),
    ("order ignores case", "SELECT v FROM (VALUES ('b'), ('A'), ('C')) AS t(v) ORDER BY v", [("A",), ("b",), ("C",)]),
    ("distinct ignores case",
     "SELECT COUNT(*) FROM (SELECT DISTINCT v FROM (VALUES ('b'), ('B '), ('c')) t(v)) AS d", [(2,)]),
    (
        "groups ignore case and blanks",
        "SELECT COUNT(*) AS n, LEN(MIN(v)) FROM (VALUES ('b'), ('B '), ('c')) AS t(v) GROUP BY v ORDER BY n DESC",
        [(2, 1), (1, 1)],
    ),
    ("a grouped expression is known again", "SELECT CONVERT(date, s.WindowEnd) AS d, COUNT(Score) FROM scores s "
     "GROUP BY CONVERT(date, WindowEnd) HAVING COUNT(*) > 0 ORDER BY d",
     [(datetime.date(2026, 1, 1), 2), (datetime.date(2026, 1, 2), 0)]),
    ("an aggregate without rows",
     "SELECT COUNT(*), SUM(Score), MAX(DeviceId) FROM scores WHERE 1 = 0", [(0, None, None)]),
    ("the average of integers is an integer", "SELECT AVG(v) FROM (VALUES (1), (2)) AS t(v)", [(1,)]),
    ("aggregates of numbers", "SELECT SUM(v), AVG(v), MIN(v), MAX(v), STDEVP(v), COUNT(DISTINCT v) "
     "FROM (VALUES (1e0), (3e0), (3e0)) AS t(v) WHERE v > 0", [(7.0, 7 / 3, 1.0, 3.0, pytest.approx(0.9428090416), 2)]),
    ("count distinct ignores case", "SELECT COUNT(DISTINCT v) FROM (VALUES ('a'), ('A')) AS t(v)", [(1,)]),
    ("string_agg in order", "SELECT STRING_AGG(v, N', ') WITHIN GROUP (ORDER BY v DESC) "
     "FROM (VALUES ('a'), ('c'), ('b')) t(v)",
     [("c, b, a",)]),
    ("windows", "SELECT DeviceId, ROW_NUMBER() OVER (PARTITION BY DeviceId ORDER BY WindowEnd DESC) AS n, "
     "LAG(Score, 1, 0e0) OVER (ORDER BY WindowEnd) AS l, COUNT(*) OVER () AS c FROM scores ORDER BY WindowEnd",
     [("a", 2, 0.0, 3), ("a", 1, 1.5, 3), ("B", 1, 2.5, 3)]),
    ("a running sum", "SELECT SUM(v) OVER (ORDER BY v ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s "
     "FROM (VALUES (1), (2), (3)) t(v) ORDER BY s", [(1,), (3,), (6,)]),
    ("the newest of each", "SELECT DeviceId, Score FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY DeviceId "
     "ORDER BY WindowEnd DESC) AS n FROM scores) AS r WHERE n = 1 ORDER BY DeviceId", [("a", 2.5), ("B", None)]),
    ("top", "SELECT TOP 1 DeviceId FROM scores ORDER BY WindowEnd DESC", [("B",)]),
    ("a page", "SELECT Score FROM scores ORDER BY WindowEnd OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY", [(2.5,)]),
    ("union takes doubles out", "SELECT 'a' AS v UNION SELECT 'A' UNION SELECT 'b' ORDER BY v DESC", [("b",), ("A",)]),
    ("union all of two types", "SELECT 1 AS v UNION ALL SELECT 2.5 ORDER BY v", [(1,), (2.5,)]),
    ("joins", "SELECT a.DeviceId, b.v FROM scores AS a LEFT JOIN (VALUES (N'A', 1)) AS b(k, v) ON a.DeviceId = b.k "
     "WHERE a.Score IS NULL OR a.Score > 2 ORDER BY a.DeviceId", [("a", 1), ("B", None)]),
    ("full join", "SELECT a.v, b.v FROM (VALUES (1), (2)) a(v) FULL OUTER JOIN (VALUES (2), (3)) b(v) ON a.v = b.v "
     "ORDER BY a.v, b.v", [(None, 3), (1, None), (2, 2)]),
    ("a correlated subquery", "SELECT DeviceId, (SELECT MAX(i.Score) FROM scores i WHERE i.DeviceId = o.DeviceId) AS m "
     "FROM scores o WHERE WindowEnd >= '2026-01-01T00:10:00' ORDER BY o.WindowEnd", [("a", 2.5), ("B", None)]),
    ("common table expressions", "WITH x (v) AS (SELECT 1 UNION ALL SELECT 2), y AS (SELECT v * 10 AS w FROM x) "
     "SELECT SUM(w) FROM y JOIN x ON x.v * 10 = y.w", [(30,)]),
    ("alias = expression", "SELECT twice = v * 2 FROM (VALUES (4)) t(v)", [(8,)]),
    ("names in any case and brackets",
     "SELECT [S].[DEVICEID] FROM [DBO].[Scores] AS s WHERE \"score\" = 1.5", [("a",)]),
    ("schema and table as qualifier", "SELECT dbo.scores.DeviceId FROM dbo.scores WHERE scores.Score = 1.5", [("a",)]),
    ("a conversion in a comparison",
     "SELECT COUNT(*) FROM scores WHERE CONVERT(date, WindowEnd) = '2026-01-01'", [(2,)]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), [case[1:] for case in QUERIES], ids=[case[0] for case in QUERIES])
def test_a_query_gives_the_rows_of_t_sql(shared, query: str, expected: list[tuple]) -> None:
    assert shared.rows(query) == expected


ERRORS = [
    ("SELECT 1 FROM nosuch", 208, 15),
    ("SELECT 1 FROM nosuch.scores", 208, 15),
    ("SELECT DeviceId FROM scores a, scores b", 209, 8),
    ("SELECT 1 FROM scores, scores", 1013, 23),
    ("SELECT DeviceId, COUNT(*) FROM scores", 8120, 8),
    ("SELECT Score FROM scores GROUP BY DeviceId", 8120, 8),
    ("SELECT 1 FROM scores WHERE COUNT(*) > 1", 147, 28),
    ("SELECT a FROM (SELECT 1) AS d", 8155, 29),
    ("SELECT a FROM (SELECT 1 AS a, 2 AS A) AS d", 8156, 42),
    ("SELECT a FROM (SELECT 1 AS a ORDER BY a) AS d", 1033, 39),
    ("SELECT 1 UNION SELECT 1, 2", 205, 16),
    ("SELECT DISTINCT DeviceId FROM scores ORDER BY Score", 145, 47),
    ("SELECT DeviceId FROM scores ORDER BY 2", 108, 38),
    ("SELECT * ", 263, 8),
    ("SELECT 1 FROM scores WHERE WindowEnd = 5", 206, 38),
]


@pytest.mark.parametrize(("query", "number", "column"), ERRORS, ids=[case[0] for case in ERRORS])
def test_a_wrong_query_is_refused_where_it_is_wrong(shared, query: str, number: int, column: int) -> None:
    error = shared.error(query)
    assert (error.number, error.line, error.column) == (number, 1, column)


def test_a_result_carries_names_and_types(shared) -> None:
    (result,) = shared.run("SELECT DeviceId, MAX(Score) AS Highest, COUNT(*) FROM scores GROUP BY DeviceId ORDER BY 1")
    assert result.columns == ("DeviceId", "Highest", "")
    assert result.types == ("nvarchar(8)", "float", "int")
    assert result.dicts()[0] == {"DeviceId": "a", "Highest": 2.5, "": 2}


def test_a_view_follows_its_table_and_keeps_its_columns(scores) -> None:
    scores.run("CREATE VIEW latest AS SELECT * FROM scores WHERE Score > 2")
    scores.run(
        "CREATE OR ALTER VIEW named (Device, Value) AS WITH x AS (SELECT * FROM latest) SELECT DeviceId, Score FROM x"
    )
    scores.run("ALTER TABLE scores ADD Extra INT; UPDATE scores SET Score = 9 WHERE DeviceId = 'B'")
    assert scores.rows("SELECT Device, Value FROM named ORDER BY Value") == [("a", 2.5), ("B", 9.0)]
    assert scores.run("SELECT * FROM latest")[0].columns == ("WindowEnd", "DeviceId", "Score", "Anomaly")


@pytest.mark.parametrize(
    ("view", "number"),
    [
        ("CREATE VIEW v AS SELECT nosuch FROM scores", 207),
        ("CREATE VIEW v AS SELECT 1 AS a FROM nosuch", 208),
        ("CREATE VIEW v AS SELECT 1", 8155),
        ("CREATE VIEW scores AS SELECT 1 AS a", 2714),
        ("ALTER VIEW v AS SELECT 1 AS a", 208),
        ("CREATE VIEW nosuch.v AS SELECT 1 AS a", 2760),
        ("CREATE VIEW v AS SELECT TOP 1 Score FROM scores ORDER BY nosuch", 207),
    ],
)
def test_a_view_that_cannot_be_is_refused_when_it_is_made(scores, view: str, number: int) -> None:
    assert scores.error(view).number == number


def test_rows_come_as_an_arrow_table_too(scores, admin) -> None:
    table = scores.server.read("warehouse", "SELECT DeviceId, Score FROM scores ORDER BY WindowEnd", principal=admin)
    assert table.to_pydict() == {"DeviceId": ["a", "a", "B"], "Score": [1.5, 2.5, None]}
