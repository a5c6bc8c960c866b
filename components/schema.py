"""Tables, keys and views of the database `scores`, from a problem's contract, as T-SQL that may run again and again.

One batch without GO, which a Script activity cannot run: what must be alone in its batch stands inside EXEC.

A row of `predictions` belongs to the job that scored it, and readers see only jobs in `runs`, which a pipeline writes
last: of the runs of one window by one model the latest. So a second run, or one that ends in the middle, shows nothing
until its own row is there.
"""

# ruff: noqa: S608 (the texts are made of names that are ours)

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateTable

from components import views
from scoring.contract import Column, Contract, prediction_problems, rejected_row

LOADER, READERS = "loader", "readers"
STAMPS = {"ModelDigest": 64, "CodeDigest": 64, "Job": 64}  # texts of known length; a key has 1,700 bytes of room
# What keys and views are made of: column of the predictions → type.
NEEDED = {"Score": "double", "Anomaly": "int64", **dict.fromkeys(STAMPS, "string")}


class SchemaError(ValueError):
    """Why a contract gives no tables."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who may read the views, by Entra object id; `kind` is User or Group."""

    object_id: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Promoted:
    """The model that serves."""

    digest: str
    deployment: str


def tables(contract: Contract) -> sa.MetaData:
    """The tables of a problem. Raises SchemaError, naming the columns, for predictions that views could not show."""
    if found := problems(contract):
        raise SchemaError("\n".join(found))
    metadata = sa.MetaData(schema="dbo")
    key = (*contract.prediction.key, *(["Job"] if "Job" not in contract.prediction.key else []))
    _table(metadata, "predictions", [_column(c, c.name in key) for c in contract.prediction.columns], key)
    rejected = [_column(c, c.name in ("File", "Row")) for c in rejected_row(contract).columns]
    job = sa.Column("Job", mssql.NVARCHAR(STAMPS["Job"]), nullable=False)
    _table(metadata, "rejected", [*rejected, job], ("Job", "File", "Row"))
    _table(metadata, "runs", _runs(), ("Job",))
    promoted = [("Problem", 64), ("ModelDigest", 64), ("Deployment", 64)]
    columns = [sa.Column(name, mssql.NVARCHAR(width), nullable=False) for name, width in promoted]
    _table(metadata, "promoted", columns, ("Problem",))
    return metadata


def problems(contract: Contract) -> list[str]:
    """What keeps a contract from having tables and views, naming file and column; empty when nothing does."""
    return prediction_problems(contract, NEEDED, file="components/schema.py")


def columns(contract: Contract) -> dict[str, dict[str, str]]:
    """Table → column → type, with the key's columns marked: what a later deployment is compared with."""
    return {
        table.name: {c.name: f"{_type(c)}{' KEY' if c.primary_key else ''}" for c in table.columns}
        for table in tables(contract).sorted_tables
    }


def refused(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Changes of deployed tables that would lose rows or break readers, each with advice; empty when only added to."""
    found = []
    for table, before in old.items():
        after = new.get(table, {})
        for name in before:
            if name not in after:
                found.append(
                    f"dbo.{table}: column {name} would be renamed or dropped; keep it in the contract (nullable), add "
                    "the new column beside it, and move its readers to a view"
                )
            elif after[name] != before[name]:
                found.append(
                    f"dbo.{table}: column {name} would turn from {before[name]} into {after[name]}; add a column of "
                    "the new type under another name"
                )
        found += [
            f"dbo.{table}: column {name} would join the key; a deployed key stays: a new problem has new tables"
            for name in after
            if before and name not in before and after[name].endswith(" KEY")
        ]
    return found


def script(contract: Contract, *, promoted: Promoted | None = None, person: Person | None = None) -> str:
    """All statements, in order. `{user}` and `{sid}` are the factory's: its client id is known after its creation."""
    made = tables(contract)
    statements = [statement for table in made.sorted_tables for statement in _guarded(table)]
    for name, text in views.views(contract, made).items():
        statements.append(_alone(f"CREATE OR ALTER VIEW dbo.{name} AS {text}"))
    statements += [*_roles(), *_user("{user}", "{sid}", "E", LOADER)]
    if person:
        kind = "X" if person.kind == "Group" else "E"
        statements += _user(f"person-{person.object_id[:8]}", sid(person.object_id), kind, READERS)
    if promoted:
        values = f"N'{contract.problem}', N'{promoted.digest}', N'{promoted.deployment}'"
        statements.append(
            f"MERGE INTO dbo.promoted WITH (HOLDLOCK) AS t\nUSING (VALUES ({values})) AS s (Problem, ModelDigest, "
            "Deployment)\nON t.Problem = s.Problem\nWHEN MATCHED THEN UPDATE SET ModelDigest = s.ModelDigest, "
            "Deployment = s.Deployment\nWHEN NOT MATCHED BY TARGET THEN INSERT (Problem, ModelDigest, Deployment) "
            "VALUES (s.Problem, s.ModelDigest, s.Deployment);"
        )
    return "SET XACT_ABORT ON;\n" + "\n".join(statements) + "\n"


def filled(text: str, *, factory: str, client_id: str) -> str:
    """The script for a factory; its user is named by its identity too, so a factory made anew is another user."""
    return text.replace("{user}", f"{factory}-{client_id[:8]}").replace("{sid}", sid(client_id))


def sid(guid: str) -> str:
    """A GUID as SQL Server keeps it: the first three groups with their bytes turned round."""
    import uuid

    return "0x" + uuid.UUID(guid).bytes_le.hex().upper()


def _guarded(table: sa.Table) -> list[str]:
    create = " ".join(str(CreateTable(table).compile(dialect=mssql.dialect())).split())
    create = create.replace("CREATE TABLE IF NOT EXISTS", "CREATE TABLE")
    added = [
        f"IF COL_LENGTH(N'dbo.{table.name}', N'{c.name}') IS NULL ALTER TABLE dbo.{table.name} "
        f"ADD [{c.name}] {_type(c)} NULL;"
        for c in table.columns
        if not c.primary_key
    ]
    return [f"IF OBJECT_ID(N'dbo.{table.name}') IS NULL {create};", *added]


def _roles() -> list[str]:
    writes = {"predictions": "SELECT, INSERT, UPDATE, DELETE", "rejected": "SELECT, INSERT, UPDATE, DELETE"}
    grants = [f"GRANT {rights} ON OBJECT::dbo.{name} TO {LOADER};" for name, rights in writes.items()]
    grants.append(f"GRANT SELECT, INSERT, UPDATE ON OBJECT::dbo.runs TO {LOADER};")
    grants.append(f"GRANT SELECT ON OBJECT::dbo.committed_runs TO {LOADER};")
    grants += [f"GRANT SELECT ON OBJECT::dbo.{name} TO {READERS};" for name in views.SHOWN]
    return [_unless_there(role, f"CREATE ROLE {role}") for role in (LOADER, READERS)] + grants


def _user(name: str, security_id: str, kind: str, role: str) -> list[str]:
    create = _unless_there(name, f"CREATE USER [{name}] WITH SID = {security_id}, TYPE = {kind}")
    return [create, f"ALTER ROLE {role} ADD MEMBER [{name}];"]


def _unless_there(principal: str, statement: str) -> str:
    return f"IF DATABASE_PRINCIPAL_ID(N'{principal}') IS NULL {statement};"


def _alone(statement: str) -> str:
    quoted = statement.replace("'", "''")
    return f"EXEC (N'{quoted}');"


def _table(metadata: sa.MetaData, name: str, made: list[sa.Column], key: tuple[str, ...]) -> None:
    # A clustered key has 900 bytes only.
    primary = sa.PrimaryKeyConstraint(*key, name=f"PK_{name}", mssql_clustered=False)
    sa.Table(name, metadata, *made, primary)


def _column(column: Column, key: bool) -> sa.Column:
    kinds = {"timestamp": mssql.DATETIME2(6), "double": sa.Float(53), "int64": sa.BigInteger()}
    width = STAMPS.get(column.name, 4000 if column.name == "Reason" else 256)
    # Only keys are NOT NULL: only so a column can join a table that has rows, and leave a contract.
    return sa.Column(column.name, kinds.get(column.type) or mssql.NVARCHAR(width), nullable=not key)


def _runs() -> list[sa.Column]:
    texts = {"Job": 64, "ModelDigest": 64, "CodeDigest": 64, "Deployment": 64, "PipelineRun": 64, "Source": 256}
    texts |= {"Input": 256, "Archive": 256}
    made = [sa.Column(name, mssql.NVARCHAR(width), nullable=name != "Job") for name, width in texts.items()]
    made += [sa.Column(name, mssql.DATETIME2(6)) for name in ("WindowStart", "WindowEnd", "Committed")]
    return made + [sa.Column(name, sa.BigInteger()) for name in ("Prepared", "Scored", "Rejected")]


def _type(column: sa.Column) -> str:
    return column.type.compile(dialect=mssql.dialect())
