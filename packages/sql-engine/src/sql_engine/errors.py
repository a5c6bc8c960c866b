"""The one error a caller meets: SQL Server's number and sentence, and the place in the script."""

from __future__ import annotations

import re

REFUSED = 0
"""Number of an error that is this engine's own: Azure has the feature, this engine has not."""

UNNUMBERED = -1
"""Number of an error whose text is documented and whose number is not."""


class SqlError(Exception):
    """A script failed: SQL Server's error number and text, and where.

    `line` and `column` count from 1 and point into the script as given; both are 0 for an error that no place in the
    script causes (a failed login). `statement` is the text of the failing statement. Number 0 is a refusal: the form is
    T-SQL that this engine does not run; it is raised before anything of the script has run.
    """

    def __init__(self, number: int, message: str, *, line: int = 0, column: int = 0, statement: str = "") -> None:
        place = f", line {line}, column {column}" if line else ""
        super().__init__(f"{_label(number)}{place}: {message}")
        self.number = number
        self.message = message
        self.line = line
        self.column = column
        self.statement = statement


def _label(number: int) -> str:
    return {REFUSED: "Refused", UNNUMBERED: "Msg"}.get(number, f"Msg {number}")


class Fault(Exception):
    """An error inside the engine that knows an offset, not yet a line; `located` turns it into a SqlError."""

    def __init__(self, number: int, message: str, at: int) -> None:
        super().__init__(message)
        self.number = number
        self.message = message
        self.at = at
        self.span: tuple[int, int] | None = None
        """The statement's part of the script, where whoever raised the fault knew it."""


def refused(what: str, at: int, advice: str = "") -> Fault:
    """T-SQL that this engine does not run, by name."""
    return Fault(REFUSED, f"{what} is not supported by sql-engine{'; ' + advice if advice else ''}", at)


def located(fault: Fault, text: str, span: tuple[int, int] = (0, 0)) -> SqlError:
    """The fault with line and column in `text`; `span` is the statement's part of it."""
    at = min(max(fault.at, 0), len(text))
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    first, last = fault.span or span
    statement = text[first:last].strip()
    return SqlError(fault.number, fault.message, line=line, column=column, statement=statement)


_RAISED = re.compile(r"<<tsql (-?\d+) (\d+)>>(.*)<<end>>", re.DOTALL)


def raising(number: int, message_sql: str, at: int) -> str:
    """A DuckDB expression that stops the statement with this error; `message_sql` is a string expression."""
    return f"error('<<tsql {number} {at}>>' || {message_sql} || '<<end>>')"


def raised(text: str) -> Fault | None:
    """The fault that a `raising` expression put into DuckDB's message, when there is one."""
    found = _RAISED.search(text)
    return Fault(int(found[1]), found[3], int(found[2])) if found else None


def literal(text: str) -> str:
    """A DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'
