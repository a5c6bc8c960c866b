"""Walks over tokens: looks ahead, takes what must stand there, says what stands there instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .errors import Fault, refused
from .lexer import Token
from .tree import Name
from .types import MAX, SPELLINGS, SYSNAME, Type, decimal

# Words that end an expression or a source and so are never an alias without brackets.
# https://learn.microsoft.com/sql/t-sql/language-elements/reserved-keywords-transact-sql (those that can stand there)
RESERVED = frozenset(
    word
    for line in (
        "ADD ALL ALTER AND ANY AS ASC AUTHORIZATION BACKUP BEGIN BETWEEN BREAK BULK BY CASE CHECK CLOSE CLUSTERED",
        "COALESCE COLLATE COLUMN COMMIT CONSTRAINT CONTINUE CONVERT CREATE CROSS CURSOR DATABASE DECLARE DEFAULT",
        "DELETE DENY DESC DISTINCT DROP ELSE END ESCAPE EXCEPT EXEC EXECUTE EXISTS EXTERNAL FETCH FOR FOREIGN FROM",
        "FULL FUNCTION GO GRANT GROUP HAVING IDENTITY IF IN INDEX INNER INSERT INTERSECT INTO IS JOIN KEY LEFT",
        "LIKE MERGE NONCLUSTERED NOT NULL NULLIF OF OFF OFFSETS ON OPENROWSET OPTION OR ORDER OUTER OVER PERCENT",
        "PIVOT PRIMARY PRINT PROC PROCEDURE PUBLIC RAISERROR REFERENCES RETURN REVERT REVOKE RIGHT ROLLBACK SAVE",
        "SCHEMA SELECT SET TABLE TABLESAMPLE THEN TO TOP TRAN TRANSACTION TRUNCATE UNION UNIQUE UNPIVOT UPDATE USE",
        "USER VALUES VIEW WAITFOR WHEN WHERE WHILE WITH",
    )
    for word in line.split()
)

T = TypeVar("T")


class Cursor:
    """A place in a list of tokens. `script` is the text the offsets point into."""

    def __init__(self, tokens: list[Token], script: str) -> None:
        self.tokens = tokens
        self.script = script
        self.position = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def ahead(self, steps: int = 1) -> Token:
        return self.tokens[min(self.position + steps, len(self.tokens) - 1)]

    @property
    def last_end(self) -> int:
        """Where the token before this one ends."""
        return self.tokens[self.position - 1].end

    def advance(self) -> Token:
        token = self.token
        self.position = min(self.position + 1, len(self.tokens) - 1)
        return token

    def at_words(self, *words: str) -> bool:
        return all(self.ahead(step).upper == word for step, word in enumerate(words))

    def at_symbol(self, symbol: str) -> bool:
        return self.token.kind == "symbol" and self.token.text == symbol

    def take_words(self, *words: str) -> bool:
        """Steps over the words if they stand here."""
        found = self.at_words(*words)
        if found:
            self.position += len(words)
        return found

    def take_symbol(self, symbol: str) -> bool:
        found = self.at_symbol(symbol)
        if found:
            self.advance()
        return found

    def need_words(self, *words: str) -> int:
        """Steps over the words, which must stand here; their place."""
        at = self.token.at
        for word in words:
            if not self.take_words(word):
                raise self.unexpected()
        return at

    def need_symbol(self, symbol: str) -> int:
        at = self.token.at
        if not self.take_symbol(symbol):
            raise self.unexpected()
        return at

    def unexpected(self) -> Fault:
        token = self.token
        if token.kind == "end":
            last = self.tokens[max(self.position - 1, 0)]
            return Fault(102, f"Incorrect syntax near '{self.script[last.at : last.end] or 'end of script'}'.", last.at)
        if token.upper in RESERVED:
            return Fault(156, f"Incorrect syntax near the keyword '{token.text}'.", token.at)
        return Fault(102, f"Incorrect syntax near '{token.text}'.", token.at)

    def at_name(self) -> bool:
        token = self.token
        return token.kind == "name" or (token.kind == "word" and token.upper not in RESERVED)

    def name(self) -> Name:
        """An identifier, bare or in brackets or double quotes."""
        if not self.at_name():
            raise self.unexpected()
        token = self.advance()
        if token.text.startswith("#") and token.kind == "word":
            raise refused(f"the temporary table {token.text}", token.at)
        if not token.text or len(token.text) > 128:
            raise Fault(103, f"The identifier that starts with '{token.text[:60]}' is empty or too long.", token.at)
        return Name(token.text, token.at)

    def path(self, longest: int = 2) -> tuple[Name, ...]:
        """A name of up to `longest` parts: [schema.]object."""
        parts = [self.name()]
        while self.take_symbol("."):
            parts.append(self.name())
        if len(parts) > longest:
            raise refused(f"a name of {len(parts)} parts", parts[0].at, "name the object as schema.object")
        return tuple(parts)

    def names(self) -> tuple[Name, ...]:
        """A list of names in brackets."""
        return tuple(self.in_brackets(self.name))

    def in_brackets(self, element: Callable[[], T]) -> list[T]:
        self.need_symbol("(")
        found = self.separated(element)
        self.need_symbol(")")
        return found

    def separated(self, element: Callable[[], T]) -> list[T]:
        found = [element()]
        while self.take_symbol(","):
            found.append(element())
        return found

    def integer(self) -> int:
        token = self.token
        if token.kind != "number" or not token.text.isdigit():
            raise self.unexpected()
        return int(self.advance().text)

    def string(self) -> str:
        if self.token.kind != "string":
            raise self.unexpected()
        return self.advance().text

    def type(self, *, default_length: int = 1) -> Type:
        """A type with its length, precision or scale; text without a length is 1 long, in CAST and CONVERT 30."""
        if not self.at_name():
            raise self.unexpected()
        token = self.advance()
        name = SPELLINGS.get(token.text.lower())
        if name is None:
            raise refused(f"the type {token.text}", token.at, f"the types are {', '.join(sorted(set(SPELLINGS)))}")
        if token.text.lower() == "sysname":
            return SYSNAME
        sizes: list[int] = []
        if self.take_symbol("("):
            sizes = [MAX] if self.take_words("MAX") else self.separated(self.integer)
            self.need_symbol(")")
        return _sized(name, sizes, token, default_length)


def _sized(name: str, sizes: list[int], token: Token, default_length: int) -> Type:
    wrong = Fault(2716, f"Column, parameter, or variable: Cannot specify a column width on data type {name}.", token.at)
    if name in ("varchar", "nvarchar", "varbinary"):
        longest = 4000 if name == "nvarchar" else 8000
        length = sizes[0] if sizes else default_length
        if len(sizes) > 1 or length == 0:
            raise wrong
        if length > longest:
            message = f"The size ({length}) given to the type '{name}' exceeds the maximum allowed ({longest})."
            raise Fault(131, message, token.at)
        return Type(name, length=length)
    if MAX in sizes:
        raise wrong
    if name == "decimal":
        precision, scale = (*sizes, 0, 0)[:2] if sizes else (18, 0)
        if not 1 <= precision <= 38 or scale > precision:
            raise Fault(192, "The scale must be less than or equal to the precision.", token.at)
        return decimal(precision, scale)
    if name == "datetime2":
        scale = sizes[0] if sizes else 7
        if scale > 7:
            raise Fault(1002, f"Line 1: Specified scale {scale} is invalid.", token.at)
        return Type(name, scale=scale)
    if name == "float":
        return Type("real" if sizes and sizes[0] <= 24 else "float")
    if sizes:
        raise wrong
    return Type(name, scale=3 if name == "datetime" else 0)
