"""Scripts: batches split at GO, queries, and the T-SQL that the catalogue keeps."""

from __future__ import annotations

from . import statements, tree
from .errors import Fault, refused
from .lexer import Token, tokens
from .parse_statements import Statements


def reader_at(text: str, at: int) -> Statements:
    """Reads stored T-SQL (a view's query, a default, a check); whatever is wrong in it is wrong at the place `at`."""
    return Statements(tokens(text, [at] * (len(text) + 1)), text)


def parse_script(script: str) -> list[statements.Batch]:
    """The batches of a script, split at lines that hold GO alone. Fault for the first thing that is no known form."""
    batches = []
    for part in _batches(tokens(script), script):
        reader = Statements(part, script)
        try:
            batch = reader.batch()
        except Fault as fault:
            ends = (token.at for token in part if token.text == ";" and token.at >= fault.at)
            fault.span = (reader.begun, next(ends, part[-1].at))
            raise
        if batch.statements:
            batches.append(batch)
    return batches


def parse_query(script: str, *, files: bool = False) -> tree.Query:
    """The one SELECT that a query's text must be; `files` lets OPENROWSET stand in it."""
    reader = Statements(tokens(script), script)
    reader.files = files
    statement = reader.statement()
    if not isinstance(statement, statements.SelectStatement):
        raise refused(f"{statement.form} as a query", statement.at, "a query is one SELECT")
    if reader.token.kind != "end":
        raise refused("a second statement in a query", reader.token.at, "a query is one SELECT")
    return statement.query


def _batches(found: list[Token], script: str) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    for index, token in enumerate(found[:-1]):
        if token.upper == "GO" and _first_on_line(token, found[index - 1] if index else None, script):
            following = found[index + 1]
            if following.kind != "end" and "\n" not in script[token.end : following.at]:
                raise refused("GO with a count or on a line with more", token.at)
            parts[-1].append(Token("end", "", token.at, token.at))
            parts.append([])
        else:
            parts[-1].append(token)
    parts[-1].append(found[-1])
    return parts


def _first_on_line(token: Token, before: Token | None, script: str) -> bool:
    return before is None or "\n" in script[before.end : token.at]
