"""Writes the tables of the README from the engine's own tables."""

from __future__ import annotations

from collections.abc import Iterable

from .conversions import STYLES
from .dates import DATE_PARTS
from .forms import FORMS
from .functions import FUNCTIONS
from .parse_definitions import DATABASE_PERMISSIONS, PERMISSIONS
from .parse_queries import OPTIONS
from .system_views import system_view_names
from .types import SPELLINGS

_KINDS = {
    "scalar": "functions",
    "clock": "clock",
    "aggregate": "aggregates (COUNT … VARP also OVER)",
    "ranking": "windows",
    "offset": "windows with a value",
    "metadata": "metadata, of constants",
    "file": "on the alias of an OPENROWSET",
}


def tables() -> str:
    """The generated part of the README, in Markdown."""
    lines = ["| form | example | note |", "|---|---|---|"]
    lines += [f"| {form.name} | `{_cell(form.example)}` | {_cell(form.note)} |" for form in FORMS]
    lines += ["", "| what | which |", "|---|---|"]
    for kind, label in _KINDS.items():
        names = ", ".join(name for name, function in FUNCTIONS.items() if function.kind == kind)
        lines.append(f"| {label} | {names} |")
    lines.append("| conversions | CAST, TRY_CAST, CONVERT, TRY_CONVERT; styles of a moment: " + _listed(STYLES) + " |")
    for function in sorted(DATE_PARTS.functions):
        lines.append(f"| parts of {function} | {', '.join(DATE_PARTS.of(function))} |")
    lines.append(f"| types | {_listed(sorted(SPELLINGS))} |")
    lines.append(f"| permissions | {_listed(PERMISSIONS)}; on the database also {_listed(DATABASE_PERMISSIONS)} |")
    lines.append(f"| views of the system | {_listed(system_view_names())} |")
    lines.append(f"| options of OPENROWSET | {_listed(OPTIONS)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _listed(items: Iterable[object]) -> str:
    return ", ".join(str(item) for item in items)
