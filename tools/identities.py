"""Writes docs/identities.md: every role assignment of a stack, from components/access.py.

python tools/identities.py
"""

import json
import sys
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from components.access import GRANTS, Grant  # noqa: E402 - the checkout comes first

FILE, SEEN = ROOT / "docs" / "identities.md", ROOT / "docs" / "identities.json"
HEAD = """# Who may do what

Every role assignment of a stack, written by `python tools/identities.py` from `components/access.py`.
No other identity, key or password takes part.

*Refused without it* is what was seen when the assignment was taken away on a warm sandbox and that part of the main
job was run: Azure's code, and the action that the identity lacks at that scope (`tests/engine/test_identities.py`,
which also shows that the job passes with all of them, by an operator who owns nothing).

Where it says *not provable*, Azure's documentation asks for the assignment and only Azure's hidden machinery uses it
(image builds, the queue and table behind a parallel run, what a workspace does in its own name), or the main job does
not touch it: the job passes without all of these.
"""


def document() -> str:
    parts, seen = [HEAD], json.loads(SEEN.read_text("utf-8"))
    for identity, grants in groupby(sorted(GRANTS, key=lambda grant: grant.identity), key=lambda grant: grant.identity):
        parts += [f"## {identity}\n", "| role | scope | why | refused without it |", "|---|---|---|---|"]
        parts += [*(row(grant, seen) for grant in grants), ""]
    return "\n".join(parts)


def row(grant: Grant, seen: dict[str, dict[str, str]]) -> str:
    found = seen.get(f"{grant.identity}, {grant.role}, {grant.scope}", {})
    said = "{step}: {code}, `{action}`".format(**found) if grant.provable else "not provable"
    return f"| {grant.role} | `{grant.scope}` | [{grant.why}]({grant.source}) | {said} |"


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
