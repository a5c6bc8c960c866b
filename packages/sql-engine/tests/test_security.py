"""Security: users by SID, roles, grants, and SQL Server's refusals."""

from __future__ import annotations

import pytest
from sql_engine import Principal, sid_literal

USER = f"CREATE USER [adf-factory] WITH SID = {sid_literal('22222222-2222-2222-2222-222222222222')}, TYPE = E"


def test_a_sid_is_the_client_ids_bytes_as_sql_server_casts_them() -> None:
    assert sid_literal("11223344-5566-7788-99aa-bbccddeeff00") == "0x443322116655887799AABBCCDDEEFF00"


def test_who_is_no_user_cannot_log_in(scores, factory) -> None:
    error = scores.error("SELECT 1", factory)
    assert (error.number, error.message) == (18456, "Login failed for user '<token-identified principal>'.")
    assert (error.line, error.column) == (0, 0)


def test_a_user_without_grants_may_log_in_and_nothing_else(granted, factory) -> None:
    assert granted.rows("SELECT USER_NAME()", factory) == [("adf-factory",)]
    error = granted.error("SELECT 1;\nSELECT DeviceId FROM scores", factory)
    assert (error.number, error.line, error.column) == (229, 2, 22)
    assert error.message == (
        "The SELECT permission was denied on the object 'scores', database 'warehouse', schema 'dbo'."
    )


STATEMENTS = {
    "SELECT": "SELECT DeviceId FROM scores",
    "INSERT": "INSERT INTO scores (WindowEnd, DeviceId) VALUES ('2027-01-01', 'z')",
    "UPDATE": "UPDATE scores SET Score = 1",
    "DELETE": "DELETE FROM scores",
}
WAYS = [
    "GRANT {} ON OBJECT::dbo.scores TO [adf-factory]",
    "GRANT {} ON scores TO [adf-factory]",
    "GRANT {} ON SCHEMA::dbo TO [adf-factory]",
    "GRANT {} TO [adf-factory]",
    "GRANT {} ON scores TO public",
    "CREATE ROLE loaders; ALTER ROLE loaders ADD MEMBER [adf-factory]; GRANT {} ON OBJECT::dbo.scores TO loaders",
]


@pytest.mark.parametrize("way", WAYS)
def test_each_grant_opens_what_it_names_and_no_more(granted, factory, way: str) -> None:
    for permission, statement in STATEMENTS.items():
        assert granted.error(statement, factory).number == 229
        granted.run(way.format(permission).replace("CREATE ROLE loaders;", _once(granted)))
        granted.run(statement, factory)
    assert granted.error("CREATE TABLE t (a INT)", factory).number == 262


def _once(database) -> str:
    return "" if database.rows("SELECT DATABASE_PRINCIPAL_ID(N'loaders')") != [(None,)] else "CREATE ROLE loaders;"


ROLES = [
    ("db_datareader", {"SELECT"}),
    ("db_datawriter", {"INSERT", "UPDATE", "DELETE"}),
    ("db_ddladmin", set()),
    ("db_owner", set(STATEMENTS)),
]


@pytest.mark.parametrize(("role", "allowed"), ROLES)
def test_a_fixed_role_allows_what_azure_says(granted, factory, role: str, allowed: set[str]) -> None:
    granted.run(f"ALTER ROLE {role} ADD MEMBER [adf-factory]")
    for permission, statement in STATEMENTS.items():
        if permission in allowed:
            granted.run(statement, factory)
        else:
            assert granted.error(statement, factory).number == 229
    if role in ("db_ddladmin", "db_owner"):
        granted.run("CREATE TABLE t (a INT)\nALTER TABLE t ADD b INT", factory)
    granted.run(f"ALTER ROLE {role} DROP MEMBER [adf-factory]")
    assert granted.error("SELECT DeviceId FROM scores", factory).number == 229


def test_deny_wins_over_every_grant_and_revoke_takes_both_back(granted, factory) -> None:
    granted.run("GRANT SELECT ON SCHEMA::dbo TO [adf-factory]; DENY SELECT ON scores TO public")
    assert granted.error("SELECT 1 AS a FROM scores", factory).number == 229
    granted.run("REVOKE SELECT ON scores FROM public")
    granted.run("SELECT 1 AS a FROM scores", factory)
    granted.run("ALTER ROLE db_denydatareader ADD MEMBER [adf-factory]")
    assert granted.error("SELECT 1 AS a FROM scores", factory).number == 229


def test_a_view_opens_what_lies_behind_it(granted, factory) -> None:
    granted.run("GRANT SELECT ON ops.devices TO [adf-factory]")
    assert granted.rows("SELECT COUNT(*) FROM ops.devices", factory) == [(2,)]
    assert granted.error("SELECT COUNT(*) FROM scores", factory).number == 229


NEEDS = [
    ("UPDATE", "UPDATE scores SET Score = Score + 1", "SELECT"),
    ("UPDATE", "UPDATE scores SET Score = 1 WHERE DeviceId = 'a'", "SELECT"),
    ("DELETE", "DELETE FROM scores WHERE DeviceId = 'a'", "SELECT"),
    ("INSERT", "INSERT INTO scores (WindowEnd, DeviceId) SELECT '2027-01-01', DeviceId FROM scores", "SELECT"),
    (
        "UPDATE",
        "MERGE scores AS t USING (VALUES ('a')) AS s(d) ON t.DeviceId = s.d WHEN MATCHED THEN UPDATE SET Score = 1;",
        "SELECT",
    ),
    ("SELECT", "SELECT 1 AS a WHERE EXISTS (SELECT 1 AS b FROM ops.runs)", "SELECT"),
]


@pytest.mark.parametrize(("granted_permission", "statement", "missing"), NEEDS)
def test_a_statement_needs_select_on_what_it_reads(granted, factory, granted_permission, statement, missing) -> None:
    granted.run(f"GRANT {granted_permission} ON scores TO [adf-factory]")
    error = granted.error(statement, factory)
    assert error.number == 229
    assert f"The {missing} permission" in error.message


def test_a_member_of_a_group_logs_in_as_the_group(scores) -> None:
    group = "33333333-3333-3333-3333-333333333333"
    scores.run(f"CREATE USER analysts WITH SID = {sid_literal(group)}, TYPE = X; GRANT SELECT ON scores TO analysts")
    ann = Principal(name="ann", id="44444444-4444-4444-4444-444444444444", groups=(group,))
    assert scores.rows("SELECT COUNT(*) FROM scores", ann) == [(3,)]


FORBIDDEN = [
    ("CREATE TABLE t (a INT)", 262),
    ("CREATE SCHEMA late", 262),
    ("CREATE VIEW v AS SELECT 1 AS a", 262),
    ("ALTER TABLE scores ADD x INT", 1088),
    ("CREATE ROLE r", 15247),
    ("CREATE USER u WITH SID = 0x55555555555555555555555555555555, TYPE = E", 15247),
    ("ALTER ROLE db_owner ADD MEMBER [adf-factory]", 15247),
    ("GRANT SELECT ON scores TO [adf-factory]", 15247),
]


@pytest.mark.parametrize(("statement", "number"), FORBIDDEN)
def test_a_plain_user_defines_nothing_and_grants_nothing(granted, factory, statement: str, number: int) -> None:
    assert granted.error(statement, factory).number == number


WRONG = [
    (USER, 15023),
    (USER.replace("adf-factory", "other"), 15063),
    ("CREATE USER u WITH SID = 0x1122, TYPE = E", 15419),
    ("CREATE ROLE [adf-factory]", 15023),
    ("ALTER ROLE nosuch ADD MEMBER [adf-factory]", 15151),
    ("ALTER ROLE db_owner ADD MEMBER nosuch", 15151),
    ("GRANT SELECT ON nosuch TO [adf-factory]", 15151),
    ("GRANT SELECT ON SCHEMA::nosuch TO [adf-factory]", 15151),
    ("GRANT SELECT ON scores TO nosuch", 15151),
    ("GRANT CREATE TABLE ON scores TO [adf-factory]", 4606),
]


@pytest.mark.parametrize(("statement", "number"), WRONG)
def test_what_is_named_wrongly_is_refused(granted, statement: str, number: int) -> None:
    assert granted.error(statement).number == number


def test_guards_make_the_users_part_of_a_deploy_script_run_twice(scores, factory) -> None:
    script = (
        f"IF DATABASE_PRINCIPAL_ID(N'adf-factory') IS NULL {USER};\n"
        "IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'loaders') CREATE ROLE loaders;\n"
        "ALTER ROLE loaders ADD MEMBER [adf-factory]; GRANT SELECT ON SCHEMA::dbo TO loaders;"
    )
    for _ in range(2):
        scores.run(script)
    assert scores.rows("SELECT COUNT(*) FROM scores", factory) == [(3,)]
    assert scores.rows("SELECT COUNT(*) FROM sys.database_role_members") == [(1,)]
