"""What makes up a problem: the files of its folder `scoring/<problem>/`, which it must have and which it may.

Rows reach a problem in one of two ways. *Streaming*: sensors send events, and a query makes feature rows of them; the
contract has an event. *Static*: rows lie in files or tables; the contract's event is None. A problem's way decides
which files it needs. Only the standard library is needed.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scoring.contract import Contract

ROOT = Path(__file__).parent

Way = Literal["streaming", "static"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One file of a problem: the ways for which it must be there, what it holds, and the names that it must define."""

    file: str
    needed: tuple[Way, ...]
    holds: str
    names: tuple[str, ...] = ()


PARTS = (
    Part(file="__init__.py", needed=("streaming", "static"), holds="what the problem is; where measured data is from"),
    Part(
        file="contract.py", needed=("streaming", "static"), holds="the rows, keys, types and units", names=("CONTRACT",)
    ),
    Part(file="prepare.sql", needed=("streaming", "static"), holds="T-SQL: a window's rows, each once, in order"),
    Part(file="model.py", needed=("streaming", "static"), holds="load(folder) -> Model", names=("NEEDED", "load")),
    Part(
        file="train.py", needed=("streaming", "static"), holds="feature rows to a model folder", names=("train", "main")
    ),
    Part(
        file="query.asaql", needed=("streaming",), holds="Stream Analytics: events to feature rows, archive, rejected"
    ),
    Part(file="simulator.py", needed=("streaming",), holds="plays events, with their truth", names=("day",)),
    Part(
        file="source.py",
        needed=("static",),
        holds="data to files of the lake and to feature rows, with their truth",
        names=("PACKAGE", "UNTIL", "read", "features", "write_lake", "history", "held_back", "truth"),
    ),
)


def known() -> list[str]:
    """The names of all problems: folders with a contract."""
    return sorted(path.parent.name for path in ROOT.glob("*/contract.py"))


def contract(problem: str) -> Contract:
    return importlib.import_module(f"scoring.{problem}.contract").CONTRACT


def way(of: Contract) -> Way:
    return "static" if of.event is None else "streaming"


def folder_problems(problem: str, root: Path = ROOT) -> list[str]:
    """What the problem's folder lacks, naming the file and the name in it; empty when it is complete."""
    of = contract(problem)
    place = f"scoring/{problem}"
    problems = (
        [] if of.problem == problem else [f"{place}/contract.py: problem is {of.problem!r}, expected {problem!r}"]
    )
    for part in PARTS:
        path = root / problem / part.file
        if path.is_file():
            text = path.read_text("utf-8")
            missing = [name for name in part.names if not _defines(text, name)]
            problems += [f"{place}/{part.file}: {name} is not defined there" for name in missing]
        elif way(of) in part.needed:
            problems.append(f"{place}/{part.file}: no such file; a {way(of)} problem needs it: {part.holds}")
    return problems


def code_problems(of: Contract, text: str, *, file: str) -> list[str]:
    """Names of columns in Python code that the contract's rows do not have, naming file, line and column.

    A quoted word that looks like a column (`MeanValue`, `tag12`) must be one: that is how training and model bind.
    """
    names = {name for row in (of.event, of.feature, of.prediction) if row is not None for name in row.names}
    problems = []
    for number, line in enumerate(text.splitlines(), start=1):
        for word in re.findall(r"""(?<![\w"'])["']([A-Z][a-z]+(?:[A-Z][a-z]+)*|tag\d+)["']""", line):
            if word not in names:
                problems.append(f"{file}, line {number}: column {word} is in no row of the contract")
    return problems


def _defines(text: str, name: str) -> bool:
    return re.search(rf"^(?:def {name}\(|class {name}\b|{name}\s*(?::[^=]+)?=)", text, re.MULTILINE) is not None
