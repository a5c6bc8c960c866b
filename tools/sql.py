"""Writes docs/sql.md: the T-SQL that a deploy applies, for each problem.

    python tools/sql.py

The pipeline `schema` runs one script; its statements stand here one by one, laid out for a reader.
"""

import re
import sys
from pathlib import Path

import sqlglot

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from components import schema  # noqa: E402 - the checkout comes first
from scoring import problems  # noqa: E402
from scoring.contract import Contract  # noqa: E402

FILE = ROOT / "docs" / "sql.md"
HEAD = """# The tables, as T-SQL

Written by `python tools/sql.py` from the contracts, `components/schema.py` and `components/views.py`; a test holds
it to them. The pipeline `schema` runs it as the databases' administrator at each deploy that changes it, and it may
run again and again. Before it runs, a change that would rename, retype or drop a deployed column is refused with
advice. A column that is added is NULL in the rows that are there.

`<factory>` is the factory's user, named by its identity; `<sid>` is made of its client id. `<person>` is a user only
where `operatorObjectId` names one. Readers see committed runs only: of the runs of one window by one model the latest.
[powerbi.md](powerbi.md) says what the views' columns mean.
"""
PERSON = schema.Person(object_id="00000000-0000-0000-0000-000000000000", kind="Group")
PROMOTED = schema.Promoted(digest="<model digest>", deployment="<deployment>")


def document() -> str:
    """Problems whose statements are the same have them once."""
    same: dict[str, list[str]] = {}
    for name in problems.known():
        same.setdefault(_problem(problems.contract(name)), []).append(f"`{name}`")
    return "\n".join([HEAD, *(f"## {', '.join(names)}\n\n{text}" for text, names in same.items())])


def _problem(contract: Contract) -> str:
    text = schema.script(contract, promoted=PROMOTED, person=PERSON).replace(f"N'{contract.problem}'", "N'<problem>'")
    text = text.replace("{user}", "<factory>").replace("{sid}", "<sid>")
    text = text.replace(schema.sid(PERSON.object_id), "<person's sid>").replace("person-00000000", "<person>")
    statements = [_shown(one) for one in text.strip().split(";\n")]
    tables = [one for one in statements if "CREATE TABLE" in one]
    # What a new database does not need: it has every column from the start.
    added = [one for one in statements if one.startswith("IF COL_LENGTH")]
    views = [one for one in statements if one.startswith("CREATE OR ALTER VIEW")]
    rest = [one for one in statements if one not in (*tables, *added, *views, "SET XACT_ABORT ON")]
    parts = (
        ("Tables", tables),
        (f"Columns that an older table may lack: {len(added)} statements like", added[:1]),
        ("Views", views),
        ("Roles, users, the model that serves", rest),
    )
    return "\n".join(f"### {title}\n\n```sql\n{_joined(ones)}\n```\n" for title, ones in parts)


def _joined(statements: list[str]) -> str:
    text = ""
    for one in statements:
        apart = "\n" if "\n" in one and text else ""
        text += f"{apart}{one.rstrip(';')};\n"
    return text.rstrip()


def _shown(statement: str) -> str:
    """What stands in EXEC as the statement that it is; columns of tables and clauses of views in lines of their own."""
    statement = statement.strip().rstrip(";")
    if alone := re.fullmatch(r"EXEC \(N'(.*)'\)", statement, re.DOTALL):
        head, _, select = alone[1].replace("''", "'").partition(" AS ")
        pretty = sqlglot.transpile(select, read="tsql", write="tsql", pretty=True)[0]
        if sqlglot.parse_one(pretty, read="tsql") != sqlglot.parse_one(select, read="tsql"):
            raise ValueError(f"laid out, this is another statement: {select}")
        return f"{head} AS\n{pretty}"
    if "CREATE TABLE" in statement:
        head, _, inner = statement.partition(" (")
        columns = re.split(r", (?=\[?\w+\]? (?:NVARCHAR|DATETIME2|FLOAT|BIGINT)|CONSTRAINT)", inner.removesuffix(")"))
        return f"{head} (\n" + ",\n".join(f"    {column.strip()}" for column in columns) + "\n)"
    return statement


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
