"""Rows: what is written is converted, checked and all or nothing."""

from __future__ import annotations

import datetime

import pytest

INSERT = "INSERT INTO scores (WindowEnd, DeviceId, Score) VALUES "
WRONG = [
    ("a key that is there", INSERT + "('2026-01-01T00:05:00', 'a', 1)", 2627, "'PK_scores'"),
    ("a key in other case with blanks", INSERT + "('2026-01-01T00:05:00', 'A ', 1)", 2627, "dbo.scores"),
    ("a key twice in one statement", INSERT + "('2027-01-01', 'x', 1), ('2027-01-01', 'X', 1)", 2627, "2027-01-01"),
    ("NULL where none may be", INSERT + "(NULL, 'a', 1)", 515, "column 'WindowEnd', table 'warehouse.dbo.scores'"),
    ("a column left out", "INSERT INTO scores (WindowEnd) VALUES ('2027-01-01')", 515, "'DeviceId'"),
    ("text that is too long", INSERT + "('2027-01-01', 'abcdefghi', 1)", 2628, "Truncated value: 'abcdefgh'."),
    ("text as a number", INSERT + "('2027-01-01', 'a', 'many')", 8114, "Error converting data type varchar to float."),
    ("text as a moment", INSERT + "('soon', 'a', 1)", 241, "date and/or time"),
    ("a row against a CHECK", INSERT + "('2027-01-01', 'a', -1)", 547, '"CK_score"'),
    ("too few values", INSERT + "('2027-01-01', 'a')", 109, "more columns"),
    ("too many values", INSERT + "('2027-01-01', 'a', 1, 2)", 110, "fewer columns"),
    ("too few columns selected", "INSERT INTO scores (WindowEnd, DeviceId) SELECT '2027-01-01'", 120, "fewer items"),
    ("too many columns selected", "INSERT INTO scores (WindowEnd) SELECT '2027-01-01', 'a'", 121, "more items"),
    ("a column that is not there", "INSERT INTO scores (Nosuch) VALUES (1)", 207, "'Nosuch'"),
    ("a column twice", "UPDATE scores SET Score = 1, score = 2", 264, "'score'"),
    ("an update to a key that is there", "UPDATE scores SET WindowEnd = '2026-01-03', DeviceId = 'q'", 2627, "q"),
    ("an update to NULL", "UPDATE scores SET DeviceId = NULL", 515, "UPDATE fails"),
    ("an update against a CHECK", "UPDATE scores SET Score = -Score - 1", 547, "UPDATE"),
    ("a moment as a number", "UPDATE scores SET Score = WindowEnd", 206, "datetime2 is incompatible with float"),
    ("a big number", "UPDATE scores SET Anomaly = 1e30", 8115, "bigint"),
    ("a table that is not there", "DELETE FROM nosuch", 208, "'nosuch'"),
    ("a view of the system", "DELETE FROM sys.tables", 259, "system catalogs"),
]


@pytest.mark.parametrize(("script", "number", "part"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_row_is_refused_and_its_batch_undone(scores, script: str, number: int, part: str) -> None:
    error = scores.error(f"INSERT INTO scores (WindowEnd, DeviceId) VALUES ('2025-01-01', 'first');\n{script}")
    assert error.number == number
    assert part in error.message
    assert (error.line, error.statement) == (2, script)
    assert scores.rows("SELECT COUNT(*) FROM scores") == [(3,)]


def test_a_batch_before_go_stays_when_a_later_one_fails(scores) -> None:
    error = scores.error("DELETE FROM scores WHERE DeviceId = 'b'\nGO\n\nDELETE FROM scores;\nSELECT 1 / 0")
    assert (error.number, error.line) == (8134, 5)
    assert scores.rows("SELECT COUNT(*) FROM scores") == [(2,)]


def test_values_are_stored_as_their_columns_types(database) -> None:
    database.run(
        "CREATE TABLE t (a TINYINT, b DECIMAL(5, 2), c DATETIME2(0), d BIT, e NVARCHAR(3), f VARCHAR(MAX), g DATE, "
        "h DATETIME);"
        "INSERT INTO t VALUES ('7', 1.005, '2026-01-01T00:00:00.6', 2, N'abc  ', 12, '2026-01-01T05:00', '2026-01-01')"
    )
    (row,) = database.rows("SELECT * FROM t")
    assert [str(value) for value in row] == [
        "7", "1.01", "2026-01-01 00:00:01", "True", "abc", "12", "2026-01-01", "2026-01-01 00:00:00",
    ]  # fmt: skip


def test_defaults_stand_in_for_what_is_not_given(database) -> None:
    database.run(
        "CREATE TABLE t (a INT PRIMARY KEY, b NVARCHAR(9) DEFAULT N'it''s', c DATETIME2(3) DEFAULT SYSUTCDATETIME())"
    )
    database.run(
        "INSERT INTO t (a) VALUES (1); INSERT INTO t VALUES (2, DEFAULT, NULL); UPDATE t SET b = DEFAULT WHERE a = 2"
    )
    now = datetime.datetime(2026, 1, 2, 3, 4, 5, 679000)
    assert database.rows("SELECT b, c FROM t ORDER BY a") == [("it's", now), ("it's", None)]


def test_a_default_or_check_that_fails_does_so_where_the_statement_is(database) -> None:
    database.run("CREATE TABLE t (a INT, b INT DEFAULT CAST('x' AS INT), CHECK (10 / a > 1))")
    error = database.error("SELECT 1;\n  INSERT INTO t (a) VALUES (1)")
    assert (error.number, error.line, error.column) == (245, 2, 3)
    error = database.error("SELECT 1;\n  INSERT INTO t VALUES (0, 1)")
    assert (error.number, error.line, error.column) == (8134, 2, 3)


def test_a_unique_key_takes_one_null(database) -> None:
    database.run("CREATE TABLE t (a INT, b NVARCHAR(5) NULL UNIQUE); INSERT INTO t VALUES (1, NULL), (2, N'x')")
    assert database.error("INSERT INTO t VALUES (3, NULL)").number == 2627
    assert database.error("INSERT INTO t VALUES (3, N'X')").number == 2627


def test_keys_may_move_within_one_statement(database) -> None:
    database.run("CREATE TABLE t (a INT PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3); UPDATE t SET a = a + 1")
    assert database.rows("SELECT a FROM t ORDER BY a") == [(2,), (3,), (4,)]


def test_update_and_delete_may_join(scores) -> None:
    scores.run("UPDATE s SET Anomaly = v.n FROM scores AS s JOIN (VALUES ('A', 7)) AS v(k, n) ON v.k = s.DeviceId")
    scores.run("DELETE scores FROM scores JOIN (VALUES ('b')) AS v(k) ON v.k = DeviceId")
    assert scores.rows("SELECT DeviceId, Anomaly FROM scores") == [("a", 7), ("a", 7)]


MERGE = (
    "MERGE INTO scores AS t USING (VALUES {}) AS s (w, d, v) ON t.WindowEnd = s.w AND t.DeviceId = s.d "
    "WHEN MATCHED THEN UPDATE SET Score = s.v "
    "WHEN NOT MATCHED THEN INSERT (WindowEnd, DeviceId, Score) VALUES (w, d, v);"
)


def test_merge_updates_what_matches_and_inserts_the_rest(scores) -> None:
    merge = MERGE.format("('2026-01-02', 'b', 8), ('2026-01-03', 'c', 9)")
    for _ in range(2):
        assert scores.run(merge)[0].affected == 2
    found = scores.rows("SELECT DeviceId, Score, Anomaly FROM scores WHERE Score > 7 ORDER BY Score")
    assert found == [
        ("B", 8, 0),
        ("c", 9, 0),
    ]


@pytest.mark.parametrize(
    ("rows", "number"),
    [
        ("('2026-01-02', 'b', 1), ('2026-01-02', 'B', 2)", 8672),
        ("('2027-01-02', 'b', 1), ('2027-01-02', 'B', 2)", 2627),
        ("('2026-01-02', 'b', -1)", 547),
        ("('2026-01-02', 'abcdefghi', 1)", 2628),
    ],
)
def test_a_merge_that_cannot_be_changes_nothing(scores, rows: str, number: int) -> None:
    assert scores.error(MERGE.format(rows)).number == number
    assert scores.rows("SELECT COUNT(*), SUM(Score) FROM scores") == [(3, 4.0)]


def test_merge_takes_the_first_clause_that_holds(database) -> None:
    database.run("CREATE TABLE t (k INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4)")
    database.run(
        "MERGE t USING (VALUES (1, 10), (2, 20), (5, 50), (6, -1)) AS s(k, v) ON t.k = s.k "
        "WHEN MATCHED AND t.v = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v "
        "WHEN NOT MATCHED AND s.v > 0 THEN INSERT (k, v) VALUES (s.k, s.v) "
        "WHEN NOT MATCHED BY SOURCE AND t.k = 4 THEN DELETE WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = 0;"
    )
    assert database.rows("SELECT k, v FROM t ORDER BY k") == [(2, 20), (3, 0), (5, 50)]


def test_columns_are_added_and_rows_stay(scores) -> None:
    script = "IF COL_LENGTH(N'dbo.scores', N'Digest') IS NULL ALTER TABLE scores ADD Digest NVARCHAR(9) NOT NULL "
    script += "DEFAULT N'none'"
    assert [result.skipped for _ in range(2) for result in scores.run(script)] == [False, True]
    scores.run("ALTER TABLE scores ADD Note NVARCHAR(9) NULL DEFAULT N'new', Total INT CHECK (Total > 0)")
    scores.run(INSERT + "('2027-01-01', 'n', 1)")
    assert scores.rows("SELECT Digest, Note, Total FROM scores ORDER BY WindowEnd")[2:] == [
        ("none", None, None), ("none", "new", None),
    ]  # fmt: skip
    assert scores.error("UPDATE scores SET Total = 0").number == 547


@pytest.mark.parametrize(
    "use",
    ["UPDATE scores SET Extra = 1", "SELECT s.extra FROM scores AS s", "INSERT scores (Extra) VALUES (1)"],
)
def test_a_column_added_in_a_batch_is_not_known_in_it(scores, use: str) -> None:
    add = "IF COL_LENGTH(N'scores', N'Extra') IS NULL ALTER TABLE scores ADD Extra INT"
    error = scores.error(f"{add};\n{use}")
    assert (error.number, error.line) == (207, 2)
    assert scores.rows("SELECT COL_LENGTH(N'scores', N'Extra')") == [(None,)]
    scores.run(f"{add};\nSELECT * FROM scores\nGO\nSELECT Extra FROM scores")
    scores.run(f"{add};\nSELECT Extra FROM scores")


DEFINITIONS = [
    ("CREATE TABLE scores (a INT)", 2714),
    ("CREATE TABLE nosuch.t (a INT)", 2760),
    ("CREATE TABLE t (a INT, A INT)", 2705),
    ("CREATE TABLE t (a NVARCHAR(MAX) PRIMARY KEY)", 1919),
    ("CREATE TABLE t (a INT NULL PRIMARY KEY)", 8111),
    ("CREATE TABLE t (a INT, PRIMARY KEY (b))", 1911),
    ("CREATE TABLE t (a INT PRIMARY KEY, b INT PRIMARY KEY)", 8110),
    ("CREATE TABLE t (a INT CHECK (b > 1))", 207),
    ("CREATE TABLE t (a INT DEFAULT b)", 207),
    ("ALTER TABLE scores ADD Score INT", 2705),
    ("ALTER TABLE scores ADD x INT NOT NULL", 4901),
    ("ALTER TABLE nosuch ADD x INT", 208),
    ("CREATE SCHEMA dbo", 2714),
]


@pytest.mark.parametrize(("script", "number"), DEFINITIONS, ids=[case[0] for case in DEFINITIONS])
def test_a_table_that_cannot_be_is_refused(scores, script: str, number: int) -> None:
    assert scores.error(script).number == number
    assert scores.rows("SELECT OBJECT_ID(N't')") == [(None,)]
