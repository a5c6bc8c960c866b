"""Training on this machine: the history's feature rows, then the problem's own trainer in the scoring environment."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from operations import history as histories
from operations import problem as problems
from operations.errors import OperationError
from operations.history import History, Measured
from operations.local import scoring_python
from operations.problem import ROOT
from operations.send import write_json

STATE = "inputs.json"
HISTORY = ("simulator", "plant", "query", "source", "contract")
"""Files of a problem on which its history depends."""


def train(problem: str, history: History | Measured, tell: Callable[[str], None]) -> bool:
    """Makes build/history/<problem> and build/models/<problem>; False when both are there already, of the same inputs.

    The model folder replaces the old one whole, or not at all. Raises OperationError when the scoring environment has
    not been made, or the trainer fails.
    """
    environment()
    history_to, models_to = make_history(problem, history, tell), problems.models_folder(problem)
    trained = inputs_digest(problem, history, simulation=False)
    state = models_to.with_name(f"{problem}.{STATE}")
    if _read(state) == {"digest": trained, "model": model_digest(models_to)}:
        tell(f"{models_to}: nothing changed")
        return False
    tell("training")
    run_in_scoring(
        f"scoring.{problem}.train", "--features", str(history_to.absolute()), "--output", str(models_to.absolute())
    )
    write_json(state, {"digest": trained, "model": model_digest(models_to)})
    return True


def make_history(problem: str, history: History | Measured, tell: Callable[[str], None]) -> Path:
    """build/history/<problem>, made anew when it is not of the same inputs."""
    folder = problems.history_folder(problem)
    made = {"digest": inputs_digest(problem, history, simulation=True)}
    if _read(folder / STATE) == made:
        tell(f"{folder}: nothing changed")
    else:
        _replace(folder, lambda new: histories.write(problem, history, new, tell), made)
    return folder


def environment() -> Path:
    """The interpreter of the scoring environment. Raises OperationError when it has not been made."""
    python = scoring_python()
    if not python.exists():
        raise OperationError(f"{python}: no such interpreter; make the scoring environment: uv sync --project scoring")
    return python


def run_in_scoring(module: str, *arguments: str) -> str:
    """What a module of `scoring/` prints, run in the environment of the cluster. Raises OperationError with its words.

    It must not see this process's packages.
    """
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [str(environment()), "-m", module, *arguments]
    run = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False)
    if run.returncode:
        raise OperationError(f"{' '.join(command)}: exit code {run.returncode}\n{run.stderr.strip()[-4000:]}")
    return run.stdout.strip()


def model_digest(folder: Path) -> str | None:
    """The digest that names the model, or None when the folder holds none."""
    from scoring.code import digest, model_files

    return digest(model_files(folder)) if (folder / "manifest.json").is_file() else None


def inputs_digest(problem: str, history: History | Measured, *, simulation: bool) -> str:
    """Of all that the result depends on: extent, query and simulator of the history; for models the trainer as well."""
    folder = ROOT / "scoring" / problem
    query = [path for path in (folder / "query.asaql",) if path.is_file()]
    files = sorted([*folder.glob("*.py"), *query, *(ROOT / "scoring").glob("*.py")])
    if simulation:
        files = [file for file in files if file.parent == folder and file.stem in HISTORY]
    else:
        files.append(ROOT / "scoring" / "uv.lock")
    total = hashlib.sha256(json.dumps(history.facts(), sort_keys=True).encode())
    for file in files:
        data = file.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{file.relative_to(ROOT).as_posix()}\n{len(data)}\n".encode() + data)
    return total.hexdigest()[:16]


def _read(state: Path) -> dict[str, Any] | None:
    return json.loads(state.read_text("utf-8")) if state.exists() else None


def _replace(folder: Path, fill: Callable[[Path], object], state: dict[str, Any]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        new = Path(temporary, "new")
        new.mkdir()
        fill(new)
        write_json(new / STATE, state)
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
