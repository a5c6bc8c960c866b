"""Splits T-SQL into tokens that know their place; comments are left out, nothing else is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .errors import Fault

Kind = Literal["word", "name", "string", "number", "binary", "parameter", "symbol", "end"]


@dataclass(frozen=True)
class Token:
    """`text` is the value: a string without its quotes, a name without its brackets. `at`..`end` is its place."""

    kind: Kind
    text: str
    at: int
    end: int
    national: bool = False

    @property
    def upper(self) -> str:
        """The word in capitals; empty when the token is no bare word, so that [select] is never a keyword."""
        return self.text.upper() if self.kind == "word" else ""


_PATTERNS = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
      | (?P<comment>/\*)
      | (?P<string>[nN]?'(?:[^']|'')*')
      | (?P<bracket>\[(?:[^\]]|\]\])*\])
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<binary>0[xX][0-9a-fA-F]*)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<parameter>@@?[\w@$\#]+)
      | (?P<word>[^\W\d][\w@$\#]*|\#{1,2}\w+)
      | (?P<symbol><>|!=|<=|>=|!<|!>|\+=|-=|\*=|/=|%=|::|[(),;.=<>+\-*/%&|^~{}:?])""",
    re.VERBOSE,
)


def tokens(text: str, offsets: Sequence[int] | None = None) -> list[Token]:
    """The tokens of `text`, ended by one of kind "end".

    `offsets[i]` is the place in the script of character i (for a script inside a string); None means i itself.
    """
    place = offsets if offsets is not None else range(len(text) + 1)
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _PATTERNS.match(text, position)
        if match is None:
            raise _unreadable(text, position, place[position])
        kind = match.lastgroup or ""
        end = match.end()
        if kind == "comment":
            end = _comment_end(text, position, place[position])
        elif kind != "space":
            found.append(_token(kind, match.group(), place[position], place[end - 1] + 1))
        position = end
    found.append(Token("end", "", place[len(text)], place[len(text)]))
    return found


def _token(kind: str, text: str, at: int, end: int) -> Token:
    if kind == "string":
        body = text[text.index("'") + 1 : -1].replace("''", "'")
        return Token("string", body, at, end, national=text[0] in "nN")
    if kind == "bracket":
        return Token("name", text[1:-1].replace("]]", "]"), at, end)
    if kind == "quoted":
        return Token("name", text[1:-1].replace('""', '"'), at, end)
    return Token(kind, text, at, end)  # type: ignore[arg-type]


def _comment_end(text: str, position: int, at: int) -> int:
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, position):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    raise Fault(113, "Missing end comment mark '*/'.", at)


def _unreadable(text: str, position: int, at: int) -> Fault:
    rest = text[position:]
    if rest[0] in "'\"[" or rest[:2] in ("N'", "n'"):
        return Fault(105, f"Unclosed quotation mark after the character string '{rest.lstrip('Nn')[1:60]}'.", at)
    return Fault(102, f"Incorrect syntax near '{rest[0]}'.", at)


def inner_offsets(script: str, token: Token) -> list[int]:
    """For a string token of the script: the place of each character of its value, and of its end."""
    position = script.index("'", token.at) + 1
    offsets = []
    for character in token.text:
        offsets.append(position)
        position += 2 if character == "'" else 1
    return [*offsets, position]
