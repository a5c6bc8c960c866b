"""Paths with wildcards as Synapse reads them, and what of a file's address each wildcard stood for.

https://learn.microsoft.com/azure/synapse-analytics/sql/query-folders-multiple-csv-files and …/develop-openrowset
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import Fault, refused

_WILDCARD = re.compile(r"\*\*|\*|[^*]+")
_HOST = re.compile(r"[a-z0-9]{3,24}\.(dfs|blob)\.core\.windows\.net")


@dataclass(frozen=True)
class Pattern:
    """One BULK path. `text` is its https form; `match` finds the parts that its wildcards stand for."""

    text: str
    expression: re.Pattern[str]
    wildcards: int

    def match(self, url: str) -> tuple[str, ...] | None:
        """What each wildcard stands for in the address of a file, or None when the file is not meant.

        Files and folders whose name begins with _ or . are meant only where the path names them.
        """
        found = self.expression.fullmatch(url)
        if found is None:
            return None
        for number, part in enumerate(found.groups(), 1):
            opens = found.start(number) == 0 or url[found.start(number) - 1] == "/"
            names = part.split("/")
            hidden = names if opens else names[1:]
            if any(name.startswith(("_", ".")) for name in hidden):
                return None
        return found.groups()[: self.wildcards]


def pattern(path: str, source: str | None, at: int) -> Pattern:
    """The pattern of a BULK path; `source` is the location of its DATA_SOURCE, to which the path is relative.

    A path that ends in / means the files of that folder, one that ends in /** those below it, however deep.
    """
    text = path if source is None else f"{source.rstrip('/')}/{path.lstrip('/')}"
    text = _https(text)
    parts = urlsplit(text)
    if parts.scheme != "https" or not _HOST.fullmatch(parts.netloc.lower()) or parts.path.count("/") < 1:
        message = f"the path '{path}'"
        raise refused(message, at, "write https://account.dfs.core.windows.net/container/path, or name a DATA_SOURCE")
    if "**" in text.replace("/**", "", 1) or ("/**" in text and not re.search(r"/\*\*(/[^/]*)?$", text)):
        raise refused(f"** inside the path '{path}'", at, "it stands last, or before the file's name")
    base, _, rest = text.removeprefix("https://").partition("/")
    implied = text.endswith("/")
    expression = "".join(_piece(piece) for piece in _WILDCARD.findall(rest))
    return Pattern(
        text,
        re.compile(f"https://{re.escape(base)}/{expression}{'([^/]+)' if implied else ''}", re.DOTALL),
        len([piece for piece in _WILDCARD.findall(rest) if piece[0] == "*"]),
    )


def _piece(piece: str) -> str:
    if piece == "**":
        return "(.*)"
    return "([^/]*)" if piece == "*" else re.escape(piece)


def _https(text: str) -> str:
    found = re.fullmatch(r"abfss?://([^@/]+)@([^/]+)/(.*)", text)
    return f"https://{found[2]}/{found[1]}/{found[3]}" if found else text


def missing(path: str, at: int) -> Fault:
    """What Synapse says when nothing lies there, or when the caller may not list it."""
    return Fault(13807, f"Content of directory on path '{path}' cannot be listed.", at)


def unreadable(path: str, at: int) -> Fault:
    """What Synapse says when the caller may not read a file."""
    message = "cannot be opened because it does not exist or it is used by another process."
    return Fault(13822, f"File '{path}' {message}", at)
