"""Query text to tokens, each with its offset, so that every later complaint can point at its place."""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import Refused

_PATTERN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<string>[nN]?'(?:[^']|'')*')
    | (?P<quoted>\[[^\]\n]+\]|"[^"\n]+")
    | (?P<word>[^\W\d][\w$@\#]*)
    | (?P<symbol><>|!=|!<|!>|<=|>=|[-+*/%&|^~=<>(),.;])
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """`kind` is number, string, quoted, word, symbol or end; `text` is what is meant, without quotes."""

    kind: str
    text: str
    at: int

    @property
    def upper(self) -> str:
        """The keyword this token can be; a quoted name or a string is never one."""
        return self.text.upper() if self.kind in ("word", "symbol") else ""


def tokenize(text: str) -> list[Token]:
    """All tokens of `text`, closed by one of kind `end`. Raises Refused at a character no token starts with."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _PATTERN.match(text, position)
        if match is None:
            raise Refused(_unreadable(text, position), position)
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), _meaning(match), position))
        position = match.end()
    tokens.append(Token("end", "", len(text.rstrip())))
    return tokens


def _meaning(match: re.Match[str]) -> str:
    text = match.group()
    if match.lastgroup == "string":
        return text[text.index("'") + 1 : -1].replace("''", "'")
    return text[1:-1] if match.lastgroup == "quoted" else text


def _unreadable(text: str, position: int) -> str:
    if text[position] == "'":
        return "this string is not closed by a '"
    if text.startswith("/*", position):
        return "this comment is not closed by */"
    return f"unexpected character {text[position]!r}"
