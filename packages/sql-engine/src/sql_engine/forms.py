"""The closed list: every form of statement that the engine runs, with an example that a test runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """`name` is what a ResultSet calls it; the examples run one after the other, in this order, in one database."""

    name: str
    example: str
    note: str = ""


FORMS: tuple[Form, ...] = (
    Form("CREATE SCHEMA", "CREATE SCHEMA ops", "alone in its batch; under IF inside EXEC (N'…')"),
    Form(
        "CREATE TABLE",
        "CREATE TABLE ops.runs (Job NVARCHAR(64) NOT NULL CONSTRAINT PK_runs PRIMARY KEY NONCLUSTERED, "
        "Started DATETIME2(3) NOT NULL DEFAULT (SYSUTCDATETIME()), Total BIGINT NULL, CHECK (Total >= 0))",
        "PRIMARY KEY, UNIQUE (CLUSTERED or not is read and has no effect), NULL, NOT NULL, DEFAULT, CHECK",
    ),
    Form("ALTER TABLE ADD", "ALTER TABLE ops.runs ADD Kind NVARCHAR(10) NOT NULL DEFAULT N'score', Note NVARCHAR(MAX)"),
    Form(
        "CREATE OR ALTER VIEW",
        "CREATE OR ALTER VIEW ops.latest AS SELECT Job, Total FROM ops.runs WHERE Kind = N'score'",
        "alone in its batch; CREATE VIEW too",
    ),
    Form("ALTER VIEW", "ALTER VIEW ops.latest AS SELECT Job, Total, Kind FROM ops.runs"),
    Form(
        "CREATE USER",
        "CREATE USER [factory] WITH SID = 0x22222222222222222222222222222222, TYPE = E",
        "TYPE E is a user or an identity, X a group",
    ),
    Form("CREATE ROLE", "CREATE ROLE scorers"),
    Form("ALTER ROLE", "ALTER ROLE scorers ADD MEMBER [factory]", "ADD MEMBER, DROP MEMBER; own roles and fixed ones"),
    Form(
        "GRANT permission",
        "GRANT SELECT, INSERT ON OBJECT::ops.runs TO scorers",
        "ON OBJECT::, SCHEMA:: or the database",
    ),
    Form("DENY permission", "DENY DELETE ON SCHEMA::ops TO [factory]"),
    Form("REVOKE permission", "REVOKE INSERT ON ops.runs FROM scorers"),
    Form("INSERT … VALUES", "INSERT INTO ops.runs (Job, Total) VALUES (N'a', 1), (N'b', DEFAULT)"),
    Form("INSERT … SELECT", "INSERT ops.runs (Job, Total) SELECT CONCAT(Job, N'2'), Total FROM ops.runs"),
    Form(
        "UPDATE", "UPDATE r SET Total = ISNULL(r.Total, 0) + 1 FROM ops.runs AS r JOIN ops.latest AS l ON l.Job = r.Job"
    ),
    Form("DELETE", "DELETE FROM ops.runs WHERE Job = N'B2'"),
    Form(
        "MERGE",
        "MERGE INTO ops.runs WITH (HOLDLOCK) AS t "
        "USING (VALUES (N'a', 5), (N'c', 6)) AS s (Job, Total) ON t.Job = s.Job "
        "WHEN MATCHED AND t.Total <> s.Total THEN UPDATE SET Total = s.Total "
        "WHEN NOT MATCHED BY TARGET THEN INSERT (Job, Total) VALUES (s.Job, s.Total) "
        "WHEN NOT MATCHED BY SOURCE AND t.Total < 0 THEN DELETE;",
        "the semicolon is a must, as in SQL Server",
    ),
    Form(
        "SELECT",
        "WITH ranked AS (SELECT Job, ROW_NUMBER() OVER (PARTITION BY Kind ORDER BY Total DESC) AS n FROM ops.runs) "
        "SELECT TOP (2) r.Job, COUNT(*) AS Parts FROM ranked AS r LEFT JOIN ops.latest AS l ON l.Job = r.Job "
        "WHERE n < 10 AND EXISTS (SELECT 1 FROM sys.tables WHERE name = N'runs') GROUP BY r.Job ORDER BY Parts DESC",
        "joins, derived tables, WITH, GROUP BY, HAVING, DISTINCT, TOP, OFFSET, UNION [ALL], windows, subqueries",
    ),
    Form("SET option ON", "SET NOCOUNT ON", "NOCOUNT, XACT_ABORT, ANSI_NULLS and the like: they hold anyway"),
    Form(
        "IF",
        "IF COL_LENGTH(N'ops.runs', N'Extra') IS NOT NULL ALTER TABLE ops.runs ADD Extra INT",
        "IF condition statement | BEGIN … END [ELSE …]; the statements that ran are reported, or IF itself as skipped",
    ),
    Form(
        "EXEC",
        "IF SCHEMA_ID(N'late') IS NULL EXEC (N'CREATE SCHEMA late')",
        "a constant string, run as a batch of its own",
    ),
)

REFUSALS: tuple[tuple[str, str], ...] = (
    ("DROP TABLE ops.runs", "a deployed table keeps its columns and rows"),
    ("ALTER TABLE ops.runs DROP COLUMN Total", "a deployed table keeps its columns and rows"),
    ("ALTER TABLE ops.runs ALTER COLUMN Total INT", "a deployed table keeps its columns and rows"),
    ("EXEC sp_rename 'ops.runs.Total', 'Sum', 'COLUMN'", "a rename breaks every reader of the old name"),
    ("CREATE USER [factory2] FROM EXTERNAL PROVIDER", "WITH SID = 0x…, TYPE = E"),
    ("CREATE USER [sam] WITH PASSWORD = 'x'", "WITH SID = 0x…, TYPE = E"),
    ("CREATE EXTERNAL TABLE t WITH (LOCATION = 'x') AS SELECT 1 AS a", "fails when it runs again"),
    ("CREATE TABLE t (a INT IDENTITY(1, 1))", "IDENTITY"),
    ("CREATE TABLE t (a INT, b AS a + 1)", "AS"),
    ("CREATE TABLE t (a INT REFERENCES ops.runs (Job))", "REFERENCES"),
    ("CREATE TABLE t (a MONEY)", "MONEY"),
    ("CREATE TABLE #t (a INT)", "#t"),
    ("CREATE INDEX i ON ops.runs (Total)", "CREATE INDEX"),
    ("CREATE PROCEDURE p AS SELECT 1", "CREATE PROCEDURE"),
    ("CREATE FUNCTION f() RETURNS INT AS BEGIN RETURN 1 END", "CREATE FUNCTION"),
    ("TRUNCATE TABLE ops.runs", "use DELETE"),
    ("DECLARE @a INT = 1", "parameter of the call"),
    ("BEGIN TRANSACTION", "a batch is one transaction"),
    ("COMMIT", "a batch is one transaction"),
    ("WHILE 1 = 1 SELECT 1", "WHILE"),
    ("PRINT 'x'", "PRINT"),
    ("USE master", "the call names"),
    ("EXEC ops.load_runs", "load_runs"),
    ("SELECT * INTO ops.copy FROM ops.runs", "SELECT … INTO"),
    ("SELECT Job FROM ops.runs WITH (NOLOCK)", "NOLOCK"),
    ("SELECT Job FROM ops.runs FOR JSON PATH", "FOR"),
    ("SELECT Job FROM ops.runs OPTION (RECOMPILE)", "OPTION"),
    ("SELECT * FROM ops.runs PIVOT (MAX(Total) FOR Kind IN ([a])) AS p", "PIVOT"),
    ("SELECT * FROM ops.runs AS r CROSS APPLY (SELECT 1 AS a) AS x", "APPLY"),
    ("SELECT Job FROM ops.runs EXCEPT SELECT Job FROM ops.runs", "EXCEPT"),
    ("SELECT Kind, COUNT(*) FROM ops.runs GROUP BY ROLLUP (Kind)", "ROLLUP"),
    ("SELECT TOP 5 PERCENT Job FROM ops.runs", "PERCENT"),
    ("SELECT Job COLLATE Latin1_General_BIN FROM ops.runs", "COLLATE"),
    ("SELECT Started AT TIME ZONE 'UTC' FROM ops.runs", "AT TIME ZONE"),
    ("SELECT FORMAT(Started, 'd') FROM ops.runs", "FORMAT"),
    ("SELECT NEWID()", "NEWID"),
    ("SELECT @@ROWCOUNT", "@@ROWCOUNT"),
    ("SELECT CONVERT(NVARCHAR(30), Started, 100) FROM ops.runs", "style 100"),
    ("SELECT Job FROM ops.runs WHERE Job LIKE N'[a-c]%'", "character class"),
    ("SELECT Total & 1 FROM ops.runs", "operator &"),
    ("INSERT INTO ops.runs (Job) OUTPUT inserted.Job VALUES (N'z')", "OUTPUT"),
    ("UPDATE TOP (1) ops.runs SET Total = 1", "TOP"),
    ("GRANT SELECT ON ops.runs (Job) TO scorers", "GRANT"),
    ("GRANT SELECT ON OBJECT::ops.runs TO scorers WITH GRANT OPTION", "WITH"),
    ("GRANT IMPERSONATE ON USER::dbo TO scorers", "IMPERSONATE"),
    (
        "SELECT * FROM OPENROWSET(BULK 'https://a.dfs.core.windows.net/c/x.parquet', FORMAT = 'PARQUET') AS r",
        "serverless",
    ),
    ("SELECT * FROM other.ops.runs", "3 parts"),
    ("BACKUP DATABASE d TO DISK = 'x'", "BACKUP"),
)
"""What is T-SQL and is not run, with a part of what the refusal says."""
