"""Training on this machine: history from the simulator, features by the problem's own query, models by its trainer."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from operations import problem as problems
from operations.errors import OperationError
from operations.local import scoring_python
from operations.prepare import parquet
from operations.problem import ROOT
from operations.send import write_json

STATE = "inputs.json"


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
    if _unchanged(history_to, made := inputs_digest(problem, history, simulation=True)):
        tell(f"{history_to}: nothing changed")
    else:
        _replace(history_to, lambda folder: features(problem, history, folder, tell), made)
    trained = inputs_digest(problem, history, simulation=False)
    if _unchanged(models_to.with_name(f".{problem}"), trained) and (models_to / "manifest.json").exists():
        tell(f"{models_to}: nothing changed")
        return False
    tell("training")
    _train(problem, python, history_to, models_to)
    write_json(models_to.with_name(f".{problem}") / STATE, {"digest": trained})
    return True


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
    import pyarrow as pa
    from stream_engine import TimePolicy, compile_query

    from scoring.contract import arrow_schema

    contract, simulator = problems.contract(problem), problems.simulator(problem)
    path = problems.query(problem)
    query = compile_query(path.read_text("utf-8"), name=str(path))
    size = {"devices": history.devices, "sensors": history.sensors, "seed": history.seed}
    policy = TimePolicy(late=timedelta(minutes=5), out_of_order=timedelta(minutes=5), action="Drop")
    for number, day in enumerate(simulator.history(history.until, days=history.days, **size), start=1):
        tell(f"history: day {number} of {history.days}, {day.start:%Y-%m-%d}")
        rows = run_query(query, day, policy)
        table = pa.Table.from_pylist(list(map(dict, rows)), schema=arrow_schema(contract.feature))
        (folder / f"{day.start:%Y-%m-%d}.parquet").write_bytes(parquet(table))


def run_query(query: Any, simulation: Any, policy: Any) -> Sequence[Mapping[str, Any]]:
    """Feature rows of one simulated day: every input of the query reads the same events, as it does of the hub."""
    from stream_engine import Event, run

    events = [Event(body=body, enqueued=moment) for moment, _, body in simulation.deliveries()]
    return run(query, dict.fromkeys(query.inputs, events), policy=policy).outputs["features"]


def _train(problem: str, python: Path, history: Path, models: Path) -> None:
    # The trainer must not see this process's packages: its environment is the one of the cluster.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [str(python), "-m", f"scoring.{problem}.train", "--history", str(history.absolute())]
    command += ["--output", str(models.absolute())]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise OperationError(f"{' '.join(command)}: exit code {run.returncode}\n{run.stderr.strip()[-4000:]}")


def _unchanged(folder: Path, digest: str) -> bool:
    state = folder / STATE
    return state.exists() and json.loads(state.read_text("utf-8")).get("digest") == digest


def _replace(folder: Path, fill: Callable[[Path], None], digest: str) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        new = Path(temporary, "new")
        new.mkdir()
        fill(new)
        write_json(new / STATE, {"digest": digest})
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
