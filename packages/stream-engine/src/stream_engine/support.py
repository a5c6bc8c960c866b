"""What of the query language runs and what is refused, as a table made from the code that runs and refuses it."""

from __future__ import annotations

from collections.abc import Iterable

from . import analytic, applying, catalogue, functions, measures, metadata, parser, windows
from .syntax import type_names

_clauses = (
    "WITH steps, several SELECT … INTO, subqueries in FROM, SELECT *, source.*, record.*, `alias = expression`",
    "TIMESTAMP BY … [OVER key], PARTITION BY key [INTO n], CREATE TABLE (schema of an input)",
    "WHERE, GROUP BY, HAVING, UNION, CROSS and OUTER APPLY",
    "INNER and LEFT JOIN of streams with DATEDIFF bounds, of an input with itself, with reference data",
    "CASE, LIKE, IN, BETWEEN, IS NULL, + - * / % & \\| ^ ~, dotted fields of records",
)


def table() -> str:
    """The table, in Markdown."""
    rows = [("clauses", "; ".join(_clauses)), ("types", ", ".join(type_names))]
    rows += [
        ("windows", _listed(set(windows.kinds.values())) + "; Windows(), System.Window().Id; offsets, both forms"),
        ("aggregates", _listed(measures.names)),
        ("analytic", _listed(analytic.names) + "; aggregates OVER (… LIMIT DURATION …)"),
        ("scalar functions", _listed(functions.scalars)),
        ("APPLY", _listed(applying.functions)),
        ("system", _listed(catalogue.system)),
        ("JavaScript", "UDF.name(…) in any expression, UDA.name(…) where an aggregate stands"),
    ]
    refused = [(_listed([name]), why) for name, why in catalogue.refused.items()]
    refused += [(f"GetMetadataPropertyValue(…, '{name}')", why) for name, why in metadata.refused.items()]
    refused += [("user-defined functions in C# or of machine learning", "only JavaScript runs here")]
    refused += [(what.partition(" (")[0], "not supported") for what in parser.not_supported.values()]
    refused += [("SELECT DISTINCT, SELECT TOP, DISTINCT in other aggregates than COUNT", "not supported")]
    lines = ["| runs | |", "|---|---|", *(f"| {what} | {how} |" for what, how in rows)]
    lines += ["", "| refused, by name, line and column | because |", "|---|---|"]
    lines += [f"| {what} | {why} |" for what, why in refused]
    return "\n".join(lines) + "\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
