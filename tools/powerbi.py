"""Writes docs/powerbi.md: the views that people see, with their columns, from the T-SQL that a deploy applies.

    python tools/powerbi.py

The schema of every problem is applied to a database on this machine; columns and types are read from it, meanings and
units from the contracts, and for what the views add from the texts below.
"""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sql_engine import Principal, Server

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from components import schema, views  # noqa: E402 - the checkout comes first
from scoring import problems  # noqa: E402
from scoring.contract import Contract  # noqa: E402

FILE, TEXT = ROOT / "docs" / "powerbi.md", ROOT / "tools" / "powerbi.md"
MARK = "<!-- views -->"
COLUMNS = """SELECT TABLE_NAME AS View_, COLUMN_NAME AS Name, DATA_TYPE AS Type, CHARACTER_MAXIMUM_LENGTH AS Length
FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = N'dbo' ORDER BY TABLE_NAME, ORDINAL_POSITION"""
# https://learn.microsoft.com/power-query/data-types
POWER_BI = {
    "bigint": "whole number",
    "date": "date",
    "datetime2": "date/time",
    "float": "decimal number",
    "int": "whole number",
    "nvarchar": "text",
}
ROWS = {
    "scores": "A scored row of a committed run, for each model that scored it: the history of every series.",
    "current_scores": "The last score of each series; where several models scored it, the one that serves.",
    "anomalies_per_day": "A day (UTC) of a series, by model: how many rows were scored, how many were anomalies.",
    "runs_with_counts": "A run of a window: what was read, scored and rejected, and whether readers see it.",
    "lineage": "A scored row with what made it: job, model, code, window, files read, raw archive.",
}
_RUN = {
    "Job": ("Name of the job in Azure Machine Learning", ""),
    "ModelDigest": ("Digest of the model folder that scored the window", ""),
    "CodeDigest": ("Digest of the code that scored the window", ""),
    "Deployment": ("Deployment of the batch endpoint that scored it", ""),
    "PipelineRun": ("Run of the pipeline `score` in Data Factory", ""),
    "Source": ("Container and day's folder of the lake that were read", ""),
    "Input": ("Folder of what the job read, in the workspace's account", ""),
    "Archive": ("Folder of the raw events behind the rows; empty where rows come as files", ""),
    "Committed": ("When the run was shown to readers", "UTC"),
}
MEANINGS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "scores": {"Committed": _RUN["Committed"]},
    "current_scores": {
        "Committed": _RUN["Committed"],
        "Promoted": ("1 when the model that scored it is the one that serves, else 0", ""),
    },
    "anomalies_per_day": {
        "Day": ("Day of the rows", "UTC"),
        "ScoredRows": ("Rows that were scored", "rows"),
        "Anomalies": ("Those with a Score above 1", "rows"),
        "HighestScore": ("The highest Score among them", ""),
    },
    "runs_with_counts": {
        **_RUN,
        "WindowStart": ("Start of the window, included", "UTC"),
        "WindowEnd": ("End of the window, not included", "UTC"),
        "Prepared": ("Rows that were read for the window", "rows"),
        "Scored": ("Rows that the job scored", "rows"),
        "Rejected": ("Rows that the job rejected, each with a reason", "rows"),
        "Shown": ("1 when readers see the run's rows, 0 when a later run has replaced it", ""),
        "ScoredRows": ("Scored rows that are in the database now: none once the run is replaced", "rows"),
        "RejectedRows": ("Rejected rows that are in the database now", "rows"),
    },
    "lineage": {
        **_RUN,
        "ScoredFrom": ("Start of the window that the run scored, included", "UTC"),
        "ScoredTo": ("End of that window, not included", "UTC"),
    },
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A column as people meet it: `meaning` is problem → what it means there, and its unit."""

    name: str
    type: str
    meaning: Mapping[str, tuple[str, str]]


def document() -> str:
    """The page. KeyError that names view and column of what a view adds and nothing here explains."""
    before, after = TEXT.read_text("utf-8").split(MARK)
    contracts = {name: problems.contract(name) for name in problems.known()}
    found = {name: declared(contract) for name, contract in contracts.items()}
    parts = []
    for view in views.SHOWN:
        parts += [f"### dbo.{view}\n", f"{ROWS[view]}\n", "| column | type | in Power BI | unit | meaning |"]
        parts += ["|---|---|---|---|---|", *(row(column) for column in columns(view, contracts, found)), ""]
    return before + "\n".join(parts).rstrip("\n") + after


def declared(contract: Contract) -> dict[str, dict[str, str]]:
    """View → column → type, of the problem's schema as a database has it."""
    admin, client = Principal(name="schema", id=f"{1:032x}"), f"{2:08x}-0000-0000-0000-000000000000"
    script = schema.filled(schema.script(contract), factory="factory", client_id=client)
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), admins=[admin.id]) as server:
        server.create_database("scores")
        server.execute("scores", script, principal=admin)
        rows = server.read("scores", COLUMNS, principal=admin).to_pylist()
    found: dict[str, dict[str, str]] = {}
    for each in rows:
        length = f"({each['Length']})" if each["Length"] else ""
        found.setdefault(each["View_"], {})[each["Name"]] = f"{each['Type']}{length}"
    return found


def columns(
    view: str, contracts: Mapping[str, Contract], found: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> list[Shown]:
    """The view's columns of all problems, those that they have in common once."""
    types = {name: type_ for tables in found.values() for name, type_ in tables[view].items()}
    return [
        Shown(
            name=name,
            type=type_,
            meaning={
                problem: meaning(view, name, contracts[problem]) for problem in found if name in found[problem][view]
            },
        )
        for name, type_ in types.items()
    ]


def meaning(view: str, name: str, contract: Contract) -> tuple[str, str]:
    if name in MEANINGS[view]:
        return MEANINGS[view][name]
    if name not in contract.prediction.names:
        raise KeyError(f"dbo.{view}: column {name}: tools/powerbi.py does not say what it means")
    column = contract.prediction.column(name)
    return column.description, column.unit


def row(column: Shown) -> str:
    kind = POWER_BI[column.type.split("(")[0]]
    words, units = ({problem: pair[index] for problem, pair in column.meaning.items()} for index in (0, 1))
    return f"| {column.name} | `{column.type}` | {kind} | {told(units)} | {told(words)} |"


def told(by_problem: Mapping[str, str]) -> str:
    """What holds for all problems once, else by problem."""
    if len(set(by_problem.values())) == 1:
        return next(iter(by_problem.values()))
    return "; ".join(f"*{problem}*: {text or 'none'}" for problem, text in by_problem.items())


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
