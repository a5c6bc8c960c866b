"""The tables of the README: `python -m factory_engine.documentation README.md` writes them anew."""

import sys
from itertools import groupby
from pathlib import Path

from factory_engine.activity_types import ACTIVITY_TYPES
from factory_engine.expressions import FUNCTIONS
from factory_engine.expressions.references import PIPELINE

BEGIN, END = "<!-- generated -->", "<!-- end -->"


def tables() -> str:
    """What is supported, as Markdown."""
    activities = [
        f"| {each.name} | {', '.join(each.required)} | {', '.join(each.refused)} | {each.runs} |"
        for each in ACTIVITY_TYPES.values()
    ]
    ordered = sorted(FUNCTIONS.values(), key=lambda each: each.group)
    functions = [
        f"| {group} | {', '.join(f'`{each.signature}`' for each in members)} |"
        for group, members in groupby(ordered, key=lambda each: each.group)
    ]
    references = (
        f"`pipeline()` with {', '.join(PIPELINE)}, parameters, globalParameters",
        "`activity('name')` with output, status, error; `variables('name')`",
        "in datasets `dataset()`, in linked services `linkedService()`, in triggers `trigger()`",
    )
    return "\n".join(
        (
            "| activity | required | refused | runs as |\n|---|---|---|---|",
            *activities,
            "\n| functions | |\n|---|---|",
            *functions,
            f"| references | {'; '.join(references)} |",
        )
    )


def renewed(text: str) -> str:
    """`text` with the part between its marks written anew."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{tables()}\n{END}{tail}"


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    readme.write_text(renewed(readme.read_text(encoding="utf-8")), encoding="utf-8")
