"""The entry script of the batch deployment: `init()` once in each worker process, `run(files)` for each mini-batch.

Environment: PROBLEM (folder of `scoring`, default sensors), AZUREML_MODEL_DIR, AZUREML_BI_OUTPUT_PATH, MODEL_DIGEST and
CODE_DIGEST (what the deployment expects), AZUREML_ROOT_RUN_ID (name of the job; `local` without it. AZUREML_RUN_ID
is the job's child that scores).

For each input file `<stem>.parquet` there is one output `<stem>.scored.parquet`, and `<stem>.rejected.parquet` when
rows could not be scored. Rows in = rows scored + rows rejected, or the run fails.

A file that cannot be read as rows of the contract fails its mini-batch, after the other files of it are written.
It cannot be diverted row by row, and with error_threshold 0 it so fails the job: no partial hour is published.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from scoring import model_folder, rows
from scoring.code import code_files, digest
from scoring.contract import Contract, Row, arrow_schema, rejected_row

BLOCK_ROWS = 500_000
"""Rows that are scored together, whole files only: a model's cost is per call, so files share the calls."""


class Model(Protocol):
    """What a problem's `model.load` gives. `predict` sees only rows with values in `needed` and no reason against."""

    @property
    def needed(self) -> tuple[str, ...]: ...
    def reasons(self, table: pa.Table) -> rows.Reasons: ...
    def predict(self, table: pa.Table) -> pa.Table: ...


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """All that `run` needs. `stamp` are the columns that say where a prediction comes from."""

    contract: Contract
    model: Model
    stamp: dict[str, str]
    output: Path


_scorer: Scorer | None = None


def init() -> None:
    """Load and prove the model; raises, so that the job fails before any row is read, when it is not as trained."""
    global _scorer
    started = time.perf_counter()
    problem = os.environ.get("PROBLEM") or "sensors"
    try:
        contract = importlib.import_module(f"scoring.{problem}.contract").CONTRACT
        load = importlib.import_module(f"scoring.{problem}.model").load
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("scoring"):
            raise
        raise RuntimeError(f"PROBLEM={problem!r}: no module {error.name} in the code folder") from error
    folder = model_folder.verify(
        model_folder.find(Path(_variable("AZUREML_MODEL_DIR"))),
        problem=problem,
        expected_digest=os.environ.get("MODEL_DIGEST"),
    )
    # The service runs a worker process per core: more threads than cores only slow each other down.
    threadpool_limits(1)
    model = load(folder)
    _prove(model, folder)
    stamp = {
        "ModelDigest": folder.digest,
        "CodeDigest": os.environ.get("CODE_DIGEST") or digest(code_files(problem)),
        "Job": os.environ.get("AZUREML_ROOT_RUN_ID") or "local",
    }
    output = Path(_variable("AZUREML_BI_OUTPUT_PATH"))
    output.mkdir(parents=True, exist_ok=True)
    _scorer = Scorer(contract=contract, model=model, stamp=stamp, output=output)
    _log("ready", problem=problem, seconds=round(time.perf_counter() - started, 3), **stamp)


def run(mini_batch: Sequence[str]) -> list[str]:
    """Score the files and return `file: in=… scored=… rejected=…` for each; raises naming every file that is bad."""
    if _scorer is None:
        raise RuntimeError("run() was called before init()")
    tables: dict[Path, pa.Table] = {}
    problems: list[str] = []
    for path in map(Path, mini_batch):
        try:
            _check_name(path, tables)
            tables[path] = rows.read(path, _scorer.contract.feature)
        except rows.BadFile as error:
            problems.append(str(error))
            _log("bad file", file=path.name, reason=str(error))
    done = [line for block in _blocks(tables) for line in _score(_scorer, block)]
    if problems:
        raise rows.BadFile(f"{len(problems)} of {len(mini_batch)} files are bad: " + " | ".join(problems))
    return done


def _score(scorer: Scorer, block: dict[Path, pa.Table]) -> list[str]:
    """Score the files of a block together, then write each by itself."""
    started = time.perf_counter()
    table = pa.concat_tables(block.values()).combine_chunks()
    scored, positions, reasons = _predict(scorer, table)
    lines = []
    first = 0
    for path, part in block.items():
        last = first + part.num_rows
        start, end = np.searchsorted(positions, (first, last))
        of_file = scored.slice(start, end - start)
        refused = _rejected(part, reasons[first:last], path.name, scorer.contract)
        if part.num_rows != of_file.num_rows + refused.num_rows:
            counts = f"in={part.num_rows} scored={of_file.num_rows} rejected={refused.num_rows}"
            raise RuntimeError(f"{path.name}: rows do not add up: {counts}")
        if refused.num_rows:
            rows.write(refused, scorer.output / f"{path.stem}.rejected.parquet")
        rows.write(of_file, scorer.output / f"{path.stem}.scored.parquet")
        counts = {"in": part.num_rows, "scored": of_file.num_rows, "rejected": refused.num_rows}
        _log("scored", file=path.name, seconds=round(time.perf_counter() - started, 3), **counts)
        lines.append(f"{path.name}: " + " ".join(f"{name}={count}" for name, count in counts.items()))
        first = last
    return lines


def _predict(scorer: Scorer, table: pa.Table) -> tuple[pa.Table, np.ndarray, rows.Reasons]:
    """Prediction rows, their positions in `table` in ascending order, and the reason of every row that has none."""
    needed = dict.fromkeys((*scorer.contract.feature.key, *scorer.model.needed))
    reasons = rows.unusable(table, tuple(needed))
    usable = np.flatnonzero(rows.without_reason(reasons))
    reasons[usable] = scorer.model.reasons(table.take(usable))
    usable = np.flatnonzero(rows.without_reason(reasons))
    scored = _stamped(scorer.model.predict(table.take(usable)), scorer)
    # Finite numbers may still overflow on their way through a model; such a score means nothing.
    overflown = rows.unusable(scored, scorer.contract.prediction.names)
    finite = rows.without_reason(overflown)
    for position in np.flatnonzero(~finite):
        reasons[usable[position]] = f"the model's {overflown[position]}"
    kept = np.flatnonzero(finite)
    return scored.take(kept), usable[kept], reasons


def _stamped(predicted: pa.Table, scorer: Scorer) -> pa.Table:
    """The model's columns and the stamp as the contract's prediction row."""
    columns = {name: predicted[name] for name in predicted.column_names}
    for name, value in scorer.stamp.items():
        columns[name] = pa.chunked_array([pa.repeat(pa.scalar(value, pa.string()), predicted.num_rows)])
    row: Row = scorer.contract.prediction
    missing = [name for name in row.names if name not in columns]
    if missing:
        raise RuntimeError(f"problem {scorer.contract.problem}: the model gives no column {', '.join(missing)}")
    return pa.table([columns[name] for name in row.names], names=list(row.names)).cast(arrow_schema(row))


def _rejected(table: pa.Table, reasons: rows.Reasons, file: str, contract: Contract) -> pa.Table:
    positions = np.flatnonzero(~rows.without_reason(reasons))
    part = table.take(positions)
    columns: list[Any] = [part[name] for name in contract.feature.key]
    columns += [pa.array(list(reasons[positions]), pa.string()), pa.array([file] * len(positions), pa.string())]
    return pa.table([*columns, pa.array(positions, pa.int64())], schema=arrow_schema(rejected_row(contract)))


def _blocks(tables: dict[Path, pa.Table]) -> list[dict[Path, pa.Table]]:
    """Files grouped, in order, to at most BLOCK_ROWS rows; a larger file is a block of its own."""
    blocks: list[dict[Path, pa.Table]] = []
    count = 0
    for path, table in tables.items():
        if not blocks or count + table.num_rows > BLOCK_ROWS:
            blocks.append({})
            count = 0
        blocks[-1][path] = table
        count += table.num_rows
    return blocks


def _check_name(path: Path, before: dict[Path, pa.Table]) -> None:
    """Two inputs must not write the same output."""
    if path.stem.endswith((".rejected", ".scored")):
        raise rows.BadFile(f"{path.name}: is named like {path.stem.rpartition('.')[2]} rows; expected feature rows")
    if any(path.stem == other.stem for other in before):
        raise rows.BadFile(f"{path.name}: another file of the mini-batch has the same name {path.stem}")


def _prove(model: Model, folder: model_folder.ModelFolder) -> None:
    """The golden rows must come out as they did at training."""
    golden = pq.read_table(io.BytesIO(folder.files[model_folder.GOLDEN_INPUT]))
    expected = pq.read_table(io.BytesIO(folder.files[model_folder.GOLDEN_EXPECTED]))
    problems = model_folder.golden_problems(expected, model.predict(golden))
    if problems:
        raise model_folder.ModelRefused("golden rows do not come out as at training: " + "; ".join(problems))


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"environment variable {name} is not set; Azure ML sets it for a batch deployment")
    return value


def _log(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)
