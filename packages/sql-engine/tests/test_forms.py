"""The list of forms is closed: each example runs, all else is refused by name and place, and no statement gets lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot
from sql_engine import REFUSED, SqlError
from sql_engine.documentation import tables
from sql_engine.forms import FORMS, REFUSALS
from sql_engine.script import parse_script

README = Path(__file__).parents[1] / "README.md"
SOURCES = Path(__file__).parents[1] / "src" / "sql_engine"
SHARED = (
    "CREATE SCHEMA",
    "CREATE OR ALTER VIEW",
    "INSERT … VALUES",
    "INSERT … SELECT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "SELECT",
)


def test_every_example_runs_and_is_reported_as_its_form(database) -> None:
    reported = {}
    for form in FORMS:
        (result,) = database.run(form.example)
        reported[form.name] = result.form
    assert reported == {form.name: "CREATE SCHEMA" if form.name == "EXEC" else form.name for form in FORMS}


def test_the_list_names_every_form_that_the_parser_can_make() -> None:
    written = set()
    for path in SOURCES.glob("parse_*.py"):
        written |= set(re.findall(r'form ?= ?"([^"]+)"', path.read_text("utf-8")))
        written |= set(re.findall(r'form = "[^"]+" if create else "([^"]+)"', path.read_text("utf-8")))
    permits = {f"{verb} permission" for verb in ("GRANT", "DENY", "REVOKE")}
    assert written | permits == {form.name for form in FORMS}


@pytest.mark.parametrize(("script", "reason"), REFUSALS, ids=[script for script, _ in REFUSALS])
def test_what_is_not_run_is_refused_by_name_before_anything_runs(shared, script: str, reason: str) -> None:
    error = shared.error(f"CREATE TABLE first (a INT);\nINSERT INTO first VALUES (1)\nGO\n  {script}")
    assert error.number == REFUSED
    assert error.line == 4
    assert reason.lower() in error.message.lower()
    assert shared.rows("SELECT OBJECT_ID(N'first')") == [(None,)]


def test_each_statement_of_a_script_is_executed_once_with_and_without_semicolons(database) -> None:
    for number, end in enumerate((";", "\n", " -- no more\n", "; /* ; GO */ ;\n")):
        name = f"t{number}"
        script = end.join(
            [
                f"CREATE TABLE {name} (a INT, s NVARCHAR(20))",
                f"INSERT INTO {name} VALUES (1, N'; GO'), (2, N'--')",
                f"UPDATE {name} SET a = a + 1",
                f"ALTER TABLE {name} ADD b BIT NOT NULL DEFAULT 1",
                f"DELETE FROM {name} WHERE a = 2",
                f"IF OBJECT_ID(N'{name}') IS NULL CREATE TABLE {name} (a INT) ELSE SELECT 7 AS seven",
                f"SELECT a, s, b FROM {name}",
                "",
            ]
        )
        results = database.run(script)
        forms = ["CREATE TABLE", "INSERT … VALUES", "UPDATE", "ALTER TABLE ADD", "DELETE", "SELECT", "SELECT"]
        assert [result.form for result in results] == forms
        assert results[-1].rows == ((3, "--", True),)


def test_all_examples_in_one_script_give_one_result_each(database) -> None:
    script = "\n".join(f"{form.example}\nGO" for form in FORMS)
    assert len(database.run(script)) == len(FORMS)


@pytest.mark.parametrize("form", FORMS, ids=[form.name for form in FORMS])
def test_a_stray_word_anywhere_is_an_error_or_a_name_and_never_a_lost_statement(form) -> None:
    """Cut at every blank and joined again with rubbish: the script fails or still holds as many statements."""
    whole = _count(form.example)
    for place in [match.start() for match in re.finditer(" ", form.example)]:
        for rubbish in (" ) ", " FROBNICATE 'x' ", " , , ", " = = "):
            try:
                found = _count(form.example[:place] + rubbish + form.example[place:])
            except SqlError:
                continue
            assert found == whole


def _count(script: str) -> int:
    from sql_engine.errors import Fault, located

    try:
        return sum(len(batch.statements) for batch in parse_script(script))
    except Fault as fault:
        raise located(fault, script) from fault


@pytest.mark.parametrize("form", [form for form in FORMS if form.name in SHARED])
def test_another_reader_of_t_sql_takes_the_examples_for_t_sql_too(form) -> None:
    """sqlglot's dialect is no SQL Server, but it is somebody else's opinion."""
    assert all(found is not None for found in sqlglot.parse(form.example, read="tsql"))


@pytest.mark.parametrize(
    "portable",
    [
        "CREATE TABLE IF NOT EXISTS dbo.runs (Job NVARCHAR(64) NOT NULL, PRIMARY KEY (Job))",
        "CREATE SCHEMA IF NOT EXISTS ops",
    ],
)
def test_guards_as_sqlglot_writes_them_run_twice(database, portable: str) -> None:
    (script,) = sqlglot.transpile(portable, write="tsql")
    first, second = database.run(script), database.run(script)
    assert [result.skipped for result in (*first, *second)] == [False, True]


def test_ddl_as_sqlalchemys_dialect_writes_it_runs(database) -> None:
    database.run(
        "IF OBJECT_ID(N'[dbo].[predictions]', N'U') IS NULL\nBEGIN\nCREATE TABLE dbo.predictions (\n"
        "\t[WindowEnd] DATETIME2(3) NOT NULL, \n\t[DeviceId] NVARCHAR(64) NOT NULL, \n\t[Score] FLOAT(53) NOT NULL, \n"
        "\t[Anomaly] BIGINT NOT NULL, \n\t[Job] NVARCHAR(max) NULL, \n"
        "\tCONSTRAINT pk_predictions PRIMARY KEY CLUSTERED ([WindowEnd], [DeviceId])\n)\n\nEND"
    )
    names = "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH FROM INFORMATION_SCHEMA.COLUMNS"
    assert database.rows(f"{names} WHERE TABLE_NAME = N'PREDICTIONS' ORDER BY ORDINAL_POSITION")[1:] == [
        ("DeviceId", "nvarchar", 64), ("Score", "float", None), ("Anomaly", "bigint", None), ("Job", "nvarchar", -1),
    ]  # fmt: skip


SYNTAX = [
    ("SELEC 1", 102, 1, 1),
    ("SELECT 1\nFROM", 102, 2, 1),
    ("SELECT (1", 102, 1, 9),
    ("SELECT 'open", 105, 1, 8),
    ("SELECT 1 /* open", 113, 1, 10),
    ("SELECT 1 WHERE 2", 4145, 1, 16),
    ("SELECT 1 = 2", 102, 1, 10),
    ("SELECT 1;\n\nSELECT 1 AS a FROM WHERE 1 = 1", 156, 3, 20),
    ("SELECT 1\nCREATE SCHEMA late", 111, 2, 1),
    ("CREATE VIEW v AS SELECT 1 AS a; SELECT 2", 156, 1, 33),
    ("IF 1 = 1 CREATE SCHEMA late", 156, 1, 10),
    ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", 10713, 1, 1),
    ("SELECT 1 WITH x AS (SELECT 1 AS a) SELECT a FROM x", 156, 1, 10),
    ("EXEC (N'SELECT ''x'',\n nosuch(1)')", 0, 2, 2),
    ("WITH x AS (SELECT 1 AS a)\nDELETE FROM x", 0, 2, 1),
    (f"INSERT INTO t VALUES {', '.join(['(1)'] * 1001)}", 10738, 1, 1),
    ("SELECT ROW_NUMBER() OVER (PARTITION BY a) FROM t", 4112, 1, 8),
    ("SELECT SUBSTRING('a', 1)", 174, 1, 8),
    ("CREATE TABLE t (a NVARCHAR(5000))", 131, 1, 19),
]


@pytest.mark.parametrize(("script", "number", "line", "column"), SYNTAX, ids=[case[0][:40] for case in SYNTAX])
def test_a_mistake_is_found_before_anything_runs_and_where_it_is(shared, script, number, line, column) -> None:
    error = shared.error(script)
    assert (error.number, error.line, error.column) == (number, line, column)


def test_the_readme_lists_what_the_engine_has() -> None:
    _, generated, _ = README.read_text("utf-8").split("<!-- forms -->\n")
    assert generated == tables(), "write the README's tables anew: python -m sql_engine forms"
