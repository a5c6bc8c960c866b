"""Training on this machine: history from the simulator, features by the problem's own query, models by its trainer."""

import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from operations import problem as problems
from operations.accounting import EVENT_INPUT
from operations.errors import OperationError
from operations.local import scoring_python
from operations.prepare import parquet
from operations.problem import ROOT
from operations.send import write_json

STATE = "inputs.json"
TOLERANCE = timedelta(minutes=5)
"""For late events and for those out of order: the stack's defaults."""


@dataclass(frozen=True, kw_only=True)
class History:
    """`days` days before `until`, of a plant of this size."""

    until: datetime
    days: int
    devices: int
    sensors: int
    seed: int

    def facts(self) -> dict[str, Any]:
        return asdict(self) | {"until": self.until.isoformat()}


def train(problem: str, history: History, tell: Callable[[str], None]) -> bool:
    """Makes build/history/<problem> and build/models/<problem>; False when both are there already, of the same inputs.

    The model folder replaces the old one whole, or not at all. Raises OperationError when the scoring environment has
    not been made, or the trainer fails.
    """
    python = scoring_python()
    if not python.exists():
        raise OperationError(f"{python}: no such interpreter; make the scoring environment: uv sync --project scoring")
    history_to, models_to = problems.history_folder(problem), problems.models_folder(problem)
    made = {"digest": inputs_digest(problem, history, simulation=True)}
    if _read(history_to / STATE) == made:
        tell(f"{history_to}: nothing changed")
    else:
        _replace(history_to, lambda folder: features(problem, history, folder, tell), made)
    trained = inputs_digest(problem, history, simulation=False)
    state = models_to.with_name(f"{problem}.{STATE}")
    if _read(state) == {"digest": trained, "model": model_digest(models_to)}:
        tell(f"{models_to}: nothing changed")
        return False
    tell("training")
    _train(problem, python, history_to, models_to)
    write_json(state, {"digest": trained, "model": model_digest(models_to)})
    return True


def model_digest(folder: Path) -> str | None:
    """The digest that names the model, or None when the folder holds none."""
    from scoring.code import digest, model_files

    return digest(model_files(folder)) if (folder / "manifest.json").is_file() else None


def inputs_digest(problem: str, history: History, *, simulation: bool) -> str:
    """Of all that the result depends on: extent, query and simulator of the history; for models the trainer as well."""
    folder = ROOT / "scoring" / problem
    files = sorted([*folder.glob("*.py"), folder / "query.asaql", *(ROOT / "scoring").glob("*.py")])
    if simulation:
        files = [
            file for file in files if file.parent == folder and file.stem in ("simulator", "plant", "query", "contract")
        ]
    else:
        files.append(ROOT / "scoring" / "uv.lock")
    total = hashlib.sha256(json.dumps(history.facts(), sort_keys=True).encode())
    for file in files:
        data = file.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{file.relative_to(ROOT).as_posix()}\n{len(data)}\n".encode() + data)
    return total.hexdigest()[:16]


def features(problem: str, history: History, folder: Path, tell: Callable[[str], None]) -> None:
    """One Parquet file of feature rows per day, from the day's events by the problem's query and the stream engine."""
    # Not forked: a forked child may hang on a lock that a thread of this process held.
    context = multiprocessing.get_context("spawn")
    tell(f"history: {history.days} days of events through the query")
    with ProcessPoolExecutor(min(os.cpu_count() or 1, history.days), mp_context=context) as pool:
        days = [pool.submit(day_features, problem, history, number) for number in range(history.days)]
        for number, day in enumerate(days, start=1):
            name, data, rows = day.result()
            (folder / f"{name}.parquet").write_bytes(data)
            tell(f"  {number / history.days:4.0%} {name}: {rows:,} feature rows")


def day_features(problem: str, history: History, number: int) -> tuple[str, bytes, int]:
    """Date, Parquet file and number of its feature rows of one day of the history, the oldest being number 0.

    Only the input in event time is fed: features come from it alone, the other one writes the archive.
    """
    import pyarrow as pa
    from stream_engine import Event, TimePolicy, compile_query, run

    from scoring.contract import arrow_schema

    path = problems.query(problem)
    query = compile_query(path.read_text("utf-8"), name=str(path))
    start = history.until - timedelta(days=history.days - number)
    size = {"devices": history.devices, "sensors": history.sensors, "seed": history.seed}
    deliveries = problems.simulator(problem).day(start, **size).deliveries()
    events = [Event(body=body, enqueued=moment) for moment, _, body in deliveries]
    policy = TimePolicy(late=TOLERANCE, out_of_order=TOLERANCE, action="Drop")
    inputs = {alias: events if alias == EVENT_INPUT else [] for alias in query.inputs}
    rows = run(query, inputs, policy=policy).outputs["features"]
    schema = arrow_schema(problems.contract(problem).feature)
    return f"{start:%Y-%m-%d}", parquet(pa.Table.from_pylist(list(map(dict, rows)), schema=schema)), len(rows)


def _train(problem: str, python: Path, history: Path, models: Path) -> None:
    # The trainer must not see this process's packages: its environment is the one of the cluster.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [str(python), "-m", f"scoring.{problem}.train", "--features", str(history.absolute())]
    command += ["--output", str(models.absolute())]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise OperationError(f"{' '.join(command)}: exit code {run.returncode}\n{run.stderr.strip()[-4000:]}")


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
