"""What a problem brings along, found by its name: a folder of `scoring/`, whose files scoring/problems.py lists."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from operations.errors import OperationError

ROOT = Path(__file__).resolve().parent.parent


def known() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "scoring").glob("*/contract.py"))


def contract(problem: str) -> Any:
    """The problem's `scoring.contract.Contract`.

    Raises OperationError for a problem that has no folder.
    """
    return _module(problem, "contract").CONTRACT


def query(problem: str) -> Path:
    contract(problem)
    path = ROOT / "scoring" / problem / "query.asaql"
    if not path.is_file():
        raise OperationError(f"{path}: no such file; the query of problem {problem!r} is expected there.")
    return path


def simulator(problem: str) -> ModuleType:
    return _module(problem, "simulator")


def source(problem: str) -> ModuleType:
    return _module(problem, "source")


def models_folder(problem: str) -> Path:
    return Path("build") / "models" / problem


def history_folder(problem: str) -> Path:
    return Path("build") / "history" / problem


def _module(problem: str, part: str) -> ModuleType:
    if problem not in known():
        raise OperationError(f"problem {problem!r}: no folder scoring/{problem}; there are: {', '.join(known())}.")
    name = f"scoring.{problem}.{part}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise OperationError(f"scoring/{problem}/{part}.py: no such file; problem {problem!r} needs it.") from error


Progress = Callable[[str], None]
