"""Writes docs/refusals.md: every refused PUT of test_refusals.py as it was answered, and the rules about names."""

import re
from pathlib import Path
from typing import Any

from azure_sandbox.ids import kind_of
from azure_sandbox.rules import TYPES

FILE = Path(__file__).resolve().parents[2] / "docs" / "refusals.md"
ARM_ERRORS = "learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors"
HEAD = """# What is refused

Written by `REFUSALS=write pytest packages/azure-sandbox/tests/control/test_refusals.py` from what the tests do and see,
and from the packages' `types.toml`. *Azure says* is status and code of Azure's answer; *here* is the sandbox's
message, in Azure's words where they are known. *Source* is the documentation that the type's rules were written from.
"""


def row(resource_id: str, change: dict[str, Any], status: int, code: str, message: str) -> str:
    rule = TYPES.get(kind_of(resource_id))
    said = "; ".join(f"{path.replace('__', '.')} {_value(value)}" for path, value in change.items())
    name = rule.name.removeprefix("Microsoft.") if rule else "unknown type"
    source = rule.source if rule else ARM_ERRORS
    return _line(name, said or "PUT", f"{status} {code}", message, source)


def document(rows: list[str]) -> str:
    head = ("| resource | mistake | Azure says | here | source |", "|---|---|---|---|---|")
    names, taken = [], []
    for rule in sorted(TYPES.values(), key=lambda rule: rule.name):
        short = rule.name.removeprefix("Microsoft.")
        code, message = rule.bad_name
        shown = message.format(name="…", rule=rule.names)
        names.append(_line(short, f"not `{rule.names}`".replace("|", "\\|"), f"400 {code}", shown, rule.source))
        if rule.unique:
            status, code, message = rule.unique
            taken.append(_line(short, "name is taken in Azure", f"{status} {code}", message, rule.source))
    parts = [HEAD, "## Bodies\n", *head, *rows, "\n## Names that are taken\n", *head, *taken]
    return "\n".join([*parts, "\n## Names that are illegal\n", *head, *names, ""])


def _line(*cells: str) -> str:
    *said, source = (re.sub(r"\s+", " ", cell) for cell in cells)
    place = source if source.startswith("http") else f"https://{source}"
    return f"| {' | '.join(cell if cell.startswith('not `') else _plain(cell) for cell in said)} | <{place}> |"


def _plain(text: str) -> str:
    return re.sub(r"([|*_<>`\[\]])", r"\\\1", text)


def _value(value: Any) -> str:
    shown = "missing" if value is ... else f"= {value}"
    return shown if len(shown) < 80 else f"{shown[:60]}…"
