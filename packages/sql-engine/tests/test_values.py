"""Values: literals, arithmetic, conversions and functions give what SQL Server gives."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

DAY = datetime.date(2026, 1, 31)

VALUES = [
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("-7 % 2", -1),
    ("7 / 2.0", Decimal("3.500000")),
    ("7 / 2e0", 3.5),
    ("1.10 * 2.5", Decimal("2.750")),
    ("2147483648 + 1", 2147483649),
    ("- - 3", 3),
    ("2 + 3 * 4", 14),
    ("N'a' + 'b'", "ab"),
    ("'1' + 2", 3),
    ("NULL + 1", None),
    ("CAST('' AS INT)", 0),
    ("CAST(' 12 ' AS INT)", 12),
    ("CAST(1.9 AS INT)", 1),
    ("CAST(-1.9e0 AS BIGINT)", -1),
    ("CAST(1 AS BIT)", True),
    ("CAST('true' AS BIT)", True),
    ("CAST(0.1 AS VARCHAR(10))", "0.1"),
    ("CAST(1234567e0 AS VARCHAR(20))", "1.23457e+006"),
    ("CAST(12.5 AS DECIMAL(10, 3))", Decimal("12.500")),
    ("CAST('abcdef' AS NVARCHAR(3))", "abc"),
    ("LEN(CAST(REPLICATE('x', 40) AS VARCHAR))", 30),
    ("TRY_CAST('12.5' AS INT)", None),
    ("TRY_CAST('x' AS FLOAT)", None),
    ("TRY_CAST('nan' AS FLOAT)", None),
    ("TRY_CAST(300 AS TINYINT)", None),
    ("TRY_CAST(100 AS DECIMAL(3, 2))", None),
    ("TRY_CONVERT(date, '2026-02-30')", None),
    ("CONVERT(date, '20260131')", DAY),
    ("CONVERT(date, '2026-01-31T23:59:59.999')", DAY),
    ("CAST('2026-01-31 10:20:30.123456Z' AS DATETIME2(3))", datetime.datetime(2026, 1, 31, 10, 20, 30, 123000)),
    ("CAST('2026-01-31 10:20:30.9996' AS DATETIME2(0))", datetime.datetime(2026, 1, 31, 10, 20, 31)),
    ("CONVERT(NVARCHAR(10), CAST('2026-01-31' AS DATETIME2(0)), 23)", "2026-01-31"),
    ("CONVERT(VARCHAR(8), CAST('2026-01-31' AS DATE), 112)", "20260131"),
    ("CONVERT(VARCHAR(30), CAST('2026-01-31T01:02:03.5' AS DATETIME2(3)), 126)", "2026-01-31T01:02:03.500"),
    ("CAST(CAST('2026-01-31T01:02:03.5' AS DATETIME2(3)) AS VARCHAR(40))", "2026-01-31 01:02:03.500"),
    ("ISNULL(NULL, 2)", 2),
    ("ISNULL(CAST(NULL AS NVARCHAR(2)), N'abcdef')", "ab"),
    ("COALESCE(NULL, NULL, 'x')", "x"),
    ("NULLIF('a ', 'A')", None),
    ("IIF(1 > 2, 'x', 'yy')", "yy"),
    ("CASE WHEN 1 = 2 THEN 1 ELSE 2.5 END", Decimal("2.5")),
    ("CASE N'A' WHEN 'a ' THEN 1 ELSE 0 END", 1),
    ("CASE WHEN NULL = NULL THEN 1 ELSE 0 END", 0),
    ("ABS(-2.5)", Decimal("2.5")),
    ("ROUND(2.567, 2)", Decimal("2.570")),
    ("FLOOR(-1.5e0)", -2.0),
    ("CEILING(1.2e0)", 2.0),
    ("POWER(2e0, 10)", 1024.0),
    ("POWER(2, 10)", 1024),
    ("POWER(2, -1)", 0),
    ("SQUARE(3)", 9.0),
    ("SIGN(-4)", -1),
    ("GREATEST(1, 3, 2)", 3),
    ("LEN('ab  ')", 2),
    ("LEFT('abc', 2) + RIGHT('abc', 1)", "abc"),
    ("SUBSTRING('abcdef', 2, 3)", "bcd"),
    ("SUBSTRING('abcdef', -1, 3)", "a"),
    ("UPPER(' x') + LTRIM(' y') + RTRIM('z ') + TRIM(' w ')", " Xyzw"),
    ("REPLACE('aXbx', 'x', '-')", "a-b-"),
    ("CHARINDEX('C', 'abcabc')", 3),
    ("CHARINDEX('c', 'abcabc', 4)", 6),
    ("CHARINDEX('z', 'abc')", 0),
    ("CONCAT('a', NULL, 1)", "a1"),
    ("CONCAT_WS('-', 'a', NULL, 'b')", "a-b"),
    ("REVERSE('abc')", "cba"),
    ("DATEADD(month, 1, CAST('2026-01-31' AS DATE))", datetime.date(2026, 2, 28)),
    ("DATEADD(minute, -5, CAST('2026-01-01' AS DATETIME2(0)))", datetime.datetime(2025, 12, 31, 23, 55)),
    ("DATEADD(day, 1.9, CAST('2026-01-01' AS DATE))", datetime.date(2026, 1, 2)),
    ("DATEDIFF(day, '2026-01-01T23:59:00', '2026-01-02T00:01:00')", 1),
    ("DATEDIFF(hour, '2026-01-01T00:59:00', '2026-01-01T01:00:00')", 1),
    ("DATEDIFF(week, '2026-01-03', '2026-01-04')", 1),
    ("DATEDIFF(month, '2026-01-31', '2026-02-01')", 1),
    ("DATEDIFF_BIG(ms, '2026-01-01', '2026-03-01')", 5097600000),
    ("DATEPART(weekday, CAST('2026-01-04' AS DATE))", 1),
    ("DATEPART(iso_week, CAST('2026-01-01' AS DATE))", 1),
    ("DATEPART(ms, CAST('2026-01-01T00:00:01.234567' AS DATETIME2(6)))", 234),
    ("DATEPART(mcs, CAST('2026-01-01T00:00:01.234567' AS DATETIME2(6)))", 234567),
    ("YEAR('2026-05-06') * 10000 + MONTH('2026-05-06') * 100 + DAY('2026-05-06')", 20260506),
    ("DATETRUNC(hour, CAST('2026-01-01T10:20:30' AS DATETIME2(0)))", datetime.datetime(2026, 1, 1, 10)),
    ("EOMONTH('2026-02-03')", datetime.date(2026, 2, 28)),
    ("DATEFROMPARTS(2026, 1, 31)", DAY),
    ("SYSUTCDATETIME()", datetime.datetime(2026, 1, 2, 3, 4, 5, 678900)),
    ("GETUTCDATE()", datetime.datetime(2026, 1, 2, 3, 4, 5, 678000)),
    ("DB_NAME() + N'/' + USER_NAME()", "warehouse/dbo"),
    ("COL_LENGTH(N'dbo.scores', N'DeviceId')", 16),
    ("COL_LENGTH('scores', 'nosuch')", None),
    ("SCHEMA_ID(N'DBO')", 1),
    ("DATABASE_PRINCIPAL_ID(N'nobody')", None),
    ("OBJECT_ID(N'[dbo].[scores]', N'V')", None),
]


@pytest.mark.parametrize(("expression", "expected"), VALUES, ids=[case[0] for case in VALUES])
def test_an_expression_has_the_value_of_sql_server(shared, expression: str, expected: object) -> None:
    found = shared.value(expression)
    assert (type(found), found) == (type(expected), expected)


CONDITIONS = [
    ("'a' = 'A '", True),
    ("N'ä' = 'a'", False),
    ("'a' < 'B'", True),
    ("'10' = 10", True),
    ("'2026-01-01' = CAST('2026-01-01' AS DATETIME2(3))", True),
    ("CAST(1 AS BIT) = 1", True),
    ("NULL = NULL", None),
    ("NULL IS NULL", True),
    ("3 BETWEEN 1 AND 3", True),
    ("3 NOT BETWEEN 1 AND 3", False),
    ("'ABC' LIKE 'a%'", True),
    ("'a_c' LIKE 'a!_c' ESCAPE '!'", True),
    ("'abc' LIKE 'a!_c' ESCAPE '!'", False),
    ("2 IN (1, 2)", True),
    ("2 NOT IN (1, NULL)", None),
    ("'A' IN ('b', 'a ')", True),
    ("NOT (1 = 2) AND (1 = 1 OR 1 = 0)", True),
    ("EXISTS (SELECT 1 FROM scores WHERE DeviceId = 'b')", True),
    ("'A' IN (SELECT DeviceId FROM scores)", True),
    ("1 !< 2", False),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS, ids=[case[0] for case in CONDITIONS])
def test_a_condition_holds_as_in_sql_server(shared, condition: str, expected: bool | None) -> None:
    found = shared.value(f"CASE WHEN {condition} THEN 1 WHEN NOT ({condition}) THEN 0 END")
    assert found == (None if expected is None else int(expected))


ERRORS = [
    ("1 / 0", 8134, 3),
    ("1 % 0e0", 8134, 3),
    ("CAST('abc' AS INT)", 245, 1),
    ("CAST('12.5' AS INT)", 245, 1),
    ("CAST('abc' AS BIT)", 245, 1),
    ("CAST('abc' AS FLOAT)", 8114, 1),
    ("CAST('99x' AS BIGINT)", 8114, 1),
    ("CAST('1e5' AS DECIMAL(10, 2))", 8114, 1),
    ("CAST('1 Jan' AS DATE)", 241, 1),
    ("CAST('2026-13-01' AS DATETIME2(3))", 241, 1),
    ("CAST(300 AS TINYINT)", 8115, 1),
    ("CAST(3e9 AS INT)", 8115, 1),
    ("2147483647 + 1", 8115, None),
    ("CAST(12345 AS VARCHAR(3))", 8115, 1),
    ("CAST('2026-01-01' AS DATE) + 1", 402, 28),
    ("CAST(CAST('2026-01-01' AS DATE) AS INT)", 529, 1),
    ("DATEADD(hour, 1, CAST('2026-01-01' AS DATE))", 9810, 1),
    ("DATEADD(fortnight, 1, '2026-01-01')", 155, 9),
    ("LOG(0)", 3623, 1),
    ("LEFT(DeviceId, -1)", 536, 1),
    ("STRING_AGG(DISTINCT DeviceId, ',')", 102, 1),
    ("SUM(DeviceId)", 8117, 1),
    ("nosuch", 207, 1),
    ("s.nosuch", 207, 3),
    ("x.DeviceId", 4104, 1),
    ("@missing", 137, 1),
    ("(SELECT 1 AS a UNION ALL SELECT 2)", 512, None),
    ("(SELECT 1 AS a, 2 AS b)", 116, 1),
    ("CASE WHEN 1 = 1 THEN NULL END", 8133, 1),
]


@pytest.mark.parametrize(("expression", "number", "column"), ERRORS, ids=[case[0] for case in ERRORS])
def test_an_error_has_sql_servers_number_and_its_place(
    shared, expression: str, number: int, column: int | None
) -> None:
    error = shared.error(f"SELECT 1;\nSELECT {expression} FROM scores AS s")
    assert (error.number, error.line) == (number, 2)
    if column is not None:
        assert error.column == column + len("SELECT ")
    assert error.statement == f"SELECT {expression} FROM scores AS s"


def test_a_branch_that_is_not_taken_raises_nothing(shared) -> None:
    assert shared.value("CASE WHEN 1 = 1 THEN 5 ELSE 1 / 0 END") == 5


def test_parameters_carry_their_types(shared) -> None:
    moment = datetime.datetime(2026, 1, 1, 0, 5, tzinfo=datetime.UTC)
    found = shared.rows("SELECT Score FROM scores WHERE WindowEnd = @at AND DeviceId = @Device", at=moment, device="A")
    assert found == [(1.5,)]
