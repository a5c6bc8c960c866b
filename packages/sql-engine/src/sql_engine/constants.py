"""Literals of T-SQL."""

from __future__ import annotations

from decimal import Decimal

from . import tree
from .errors import Fault, refused
from .lexer import Token
from .types import BIGINT, FLOAT, INT, decimal, text


def constant(token: Token) -> tree.Constant:
    """A literal with the type that T-SQL gives it."""
    if token.kind == "string":
        return tree.Constant(token.at, token.text, text(max(len(token.text), 1), national=token.national))
    if token.kind == "binary":
        raise refused("a binary constant", token.at, "it stands only in CREATE USER … WITH SID")
    if "e" in token.text.lower():
        return tree.Constant(token.at, float(token.text), FLOAT)
    if "." not in token.text:
        value = int(token.text)
        if value < 2**31:
            return tree.Constant(token.at, value, INT)
        return tree.Constant(token.at, value, BIGINT if value < 2**63 else decimal(len(token.text), 0))
    whole, fraction = token.text.split(".")
    whole = whole.lstrip("0")
    digits = len(whole) + len(fraction)
    if digits > 38:
        raise Fault(1007, f"The number '{token.text}' is out of the range for numeric representation.", token.at)
    return tree.Constant(token.at, Decimal(token.text), decimal(max(digits, 1), len(fraction)))
