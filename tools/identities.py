"""Writes docs/identities.md: every role assignment of a stack, from components/access.py.

python tools/identities.py
"""

import sys
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from components.access import GRANTS, Grant  # noqa: E402 - the checkout comes first

FILE = ROOT / "docs" / "identities.md"
HEAD = """# Who may do what

Every role assignment of a stack, written by `python tools/identities.py` from `components/access.py`.
No other identity, key or password takes part.

*Proved* means that the sandbox refuses the main job with Azure's own error when the assignment is missing. The others
are what Azure's documentation asks for and only Azure's hidden machinery uses (image pulls, the queue and table behind
a parallel run, what a workspace does in its own name): the sandbox cannot prove their need.
"""


def document() -> str:
    parts = [HEAD]
    for identity, grants in groupby(sorted(GRANTS, key=lambda grant: grant.identity), key=lambda grant: grant.identity):
        parts += [f"## {identity}\n", "| role | scope | why | proved |", "|---|---|---|---|", *map(row, grants), ""]
    return "\n".join(parts)


def row(grant: Grant) -> str:
    return f"| {grant.role} | `{grant.scope}` | [{grant.why}]({grant.source}) | {'yes' if grant.provable else 'no'} |"


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
