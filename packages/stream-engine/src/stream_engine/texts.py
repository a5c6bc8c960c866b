"""The functions over text of the language reference, entered into the catalogue of `functions`."""

from __future__ import annotations

import re

from .functions import NoResult, define
from .javascript import ScriptError, patterns
from .values import Unconvertible, Value, as_text, load_json

# White space for LTRIM, RTRIM and TRIM, which T-SQL's do not know. Source: language reference, TRIM.
_white = "\t\n\v\f\r\x85 \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_white += "\u2028\u2029\u202f\u205f\u3000"
# A text has at most 2 GB.
_longest = 2**30


def _positive(length: int) -> int:
    if length < 0:
        raise Unconvertible(length)
    return length


def _substring(text: str, start: int, length: int) -> str:
    """Positions count from 1; a start before 1 uses up length, as in T-SQL."""
    return text[max(start - 1, 0) : max(start - 1 + _positive(length), 0)]


def _stuff(text: str, start: int, length: int, inserted: str) -> str:
    first = max(start - 1, 0)
    return text[:first] + inserted + text[first + _positive(length) :] if first < len(text) else ""


def _right(text: str, length: int) -> str:
    return text[max(len(text) - _positive(length), 0) :]


def _replicate(text: str, count: int) -> str | None:
    if len(text) * count > _longest:
        raise Unconvertible(count)
    return text * count if count >= 0 else None


def _translate(text: str, replaced: str, translations: str) -> str:
    if len(replaced) != len(translations):
        raise Unconvertible(translations)
    return text.translate(str.maketrans(dict(zip(reversed(replaced), reversed(translations), strict=True))))


def _charindex(searched: str, text: str, start: int = 1) -> int:
    return text.find(searched, max(start - 1, 0)) + 1


def like_pattern(pattern: str, escape: str | None = None) -> re.Pattern[str]:
    """A LIKE pattern (% _ [a-z] [^a-z]) as a regular expression for fullmatch."""
    parts: list[str] = []
    index = 0
    while index < len(pattern):
        character = pattern[index]
        closing = pattern.find("]", index + 1)
        if escape and character == escape and index + 1 < len(pattern):
            index += 1
            parts.append(re.escape(pattern[index]))
        elif character == "[" and closing > index + 1:
            inside = pattern[index + 1 : closing].replace("\\", "\\\\")
            parts.append(f"[{inside}]")
            index = closing
        else:
            parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
        index += 1
    return re.compile("".join(parts), re.DOTALL)


def _patindex(pattern: str, text: str) -> int:
    anchored = not pattern.startswith("%")
    closed = not pattern.endswith("%")
    core = like_pattern(pattern.strip("%")).pattern
    found = re.compile(("^" if anchored else "") + core + (r"\Z" if closed else ""), re.DOTALL).search(text)
    return found.start() + 1 if found else 0


def _regexmatch(text: str, pattern: str) -> int:
    """The place of the first match, in any case, by ECMAScript's rules; 0 for an invalid pattern."""
    try:
        return patterns().match(pattern, text)
    except ScriptError as error:
        raise NoResult(error.message) from None


def _concat(*values: Value) -> str:
    return "".join("" if value is None else as_text(value) for value in values)


def _concat_ws(separator: Value, *values: Value) -> str:
    return ("" if separator is None else as_text(separator)).join(as_text(v) for v in values if v is not None)


def _json_parse(text: Value) -> Value:
    """NULL for everything but the JSON of an object."""
    try:
        found = load_json(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _nchar(code: int) -> str | None:
    return chr(code) if 0 <= code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else None


text = "nvarchar(max)"
define("CHARINDEX", "ss?i", "bigint", _charindex)
define("CONCAT", "**+", text, _concat, nulls=True)
define("CONCAT_WS", "***+", text, _concat_ws, nulls=True)
define("JSON_PARSE", "*", "record", _json_parse)
define("LEFT", "si", text, lambda value, count: value[: _positive(count)])
define("LEN", "s", "bigint", lambda value: len(value.rstrip(" ")))
define("LOWER", "s", text, str.lower)
define("LTRIM", "s", text, lambda value: value.lstrip(_white))
define("NCHAR", "i", text, _nchar)
define("PATINDEX", "ss", "bigint", _patindex)
define("REGEXMATCH", "ss", "bigint", _regexmatch)
define("REPLACE", "sss", text, lambda value, old, new: value.replace(old, new) if old else value)
define("REPLICATE", "si", text, _replicate)
define("REVERSE", "s", text, lambda value: value[::-1])
define("RIGHT", "si", text, _right)
define("RTRIM", "s", text, lambda value: value.rstrip(_white))
define("SPACE", "i", text, lambda count: _replicate(" ", count))
define("STUFF", "siis", text, _stuff)
define("SUBSTRING", "sii", text, _substring)
define("TRANSLATE", "sss", text, _translate)
define("TRIM", "s", text, lambda value: value.strip(_white))
define("UNICODE", "s", "bigint", lambda value: ord(value[0]) if value else None)
define("UPPER", "s", text, str.upper)
