"""A candidate beside the promoted model: both score rows that neither was trained on, in the scoring environment."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from operations import history, training
from operations.errors import OperationError
from operations.history import History, Measured
from operations.prepare import parquet
from operations.send import write_json

RESULT = "comparison.json"


def compare(
    problem: str,
    promoted: Path,
    candidate: Path,
    held_back: History | Measured,
    output: Path,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """The verdict of scoring.evaluate on the rows of `held_back` and their truth, also written to `output`.

    Raises OperationError when a folder holds no model, or the two cannot be compared.
    """
    digests = {"promoted": training.model_digest(promoted), "candidate": training.model_digest(candidate)}
    for name, folder in (("promoted", promoted), ("candidate", candidate)):
        if digests[name] is None:
            raise OperationError(f"--{name} {folder}: holds no manifest.json: not a model folder (batch-scoring train)")
    with tempfile.TemporaryDirectory() as temporary:
        rows, truth, made = (Path(temporary, name) for name in ("rows", "truth.parquet", "made"))
        rows.mkdir()
        count = history.write(problem, held_back, rows, tell)
        known = history.truth(problem, held_back)
        told = ["--problem", problem, "--promoted", str(promoted.absolute()), "--candidate", str(candidate.absolute())]
        told += ["--features", str(rows), "--output", str(made)]
        if known.num_rows:
            truth.write_bytes(parquet(known))
            told += ["--truth", str(truth)]
        tell(f"{count:,} held-back rows, {known.num_rows:,} of them known to be faulty")
        training.run_in_scoring("scoring.evaluate", *told)
        found = json.loads((made / RESULT).read_text("utf-8"))
        span = _span(rows)
    found |= {"problem": problem, "models": digests, "from": span[0], "to": span[1], "heldBack": held_back.facts()}
    write_json(output / RESULT, found)
    return found


def _span(folder: Path) -> tuple[str, str]:
    times = [time for file in folder.glob("*.parquet") for time in pq.read_table(file)["WindowEnd"].to_pylist()]
    return min(times).isoformat(), max(times).isoformat()
