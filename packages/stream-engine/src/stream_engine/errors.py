"""The two errors a user of the engine meets, both pointing at the place in the query."""

from __future__ import annotations


def caret(text: str, offset: int) -> tuple[int, int, str]:
    """Line and column (from 1) of `offset` in `text`, and that line with a caret below the place."""
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[start : end if end >= 0 else len(text)].rstrip("\r")
    column = offset - start + 1
    pad = "".join("\t" if character == "\t" else " " for character in line[: column - 1])
    return text.count("\n", 0, offset) + 1, column, f"{line}\n{pad}^"


class QueryError(ValueError):
    """The query cannot be compiled: what is wrong and where. Raised before any row is read.

    `message` is the sentence alone; `line` and `column` count from 1; `caret` is the query's line with a caret below.
    """

    def __init__(self, message: str, *, text: str, offset: int, name: str = "query") -> None:
        self.message = message
        self.name = name
        self.line, self.column, self.caret = caret(text, offset)
        super().__init__(f"{name}, line {self.line}, column {self.column}: {message}\n{self.caret}")


class StreamError(RuntimeError):
    """The running query met a value it cannot handle and stops, as the service stops the job."""


class Refused(Exception):
    """Raised inside the compiler at an offset; `compile_query` turns it into a QueryError that knows the text."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
