"""One run: the features of some hours, scored by a batch job, counted, and committed by a record that comes last."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations import azure, jobs, lake
from operations.clock import clock
from operations.errors import OperationError
from operations.prepare import Prepared, prepare, rows_of
from operations.stack import Stack
from operations.windows import Window
from scoring.contract import Contract

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

INPUT, OUTPUT = "scoring-input", "scoring-output"
INPUT_STORE, OUTPUT_STORE = "scoring_input", "scoring_output"
PUBLISHED = "predictions"
"""The lake's container to which Data Factory copies what a run scored."""
RECORD, CONDUCTED = "run.json", "_run.json"
SCORED, REJECTED = ".scored.parquet", ".rejected.parquet"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """Where one attempt at a window reads and writes; no two share a path."""

    window: str
    number: str

    @property
    def path(self) -> str:
        return f"{self.window}/{self.number}"

    @property
    def rows(self) -> str:
        """The folder that the job reads: nothing but rows lies in it."""
        return f"{self.path}/rows"

    @property
    def source(self) -> str:
        return f"azureml://datastores/{INPUT_STORE}/paths/{self.rows}/"

    @property
    def target(self) -> str:
        return f"azureml://datastores/{OUTPUT_STORE}/paths/{self.path}/predictions.csv"


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A deployment, and the digests of the model and the code that it runs."""

    deployment: str
    model: str
    code: str


def serving(stack: Stack, deployment: str) -> Serving:
    """Raises OperationError when the stack's endpoint has no such deployment."""
    variables = jobs.deployment(stack, deployment).get("environmentVariables") or {}
    return Serving(
        deployment=deployment, model=variables.get("MODEL_DIGEST", ""), code=variables.get("CODE_DIGEST", "")
    )


def runs(stack: Stack, window: str = "") -> list[dict[str, Any]]:
    """Committed runs, of one window or of all, oldest first: those by command and those that Data Factory conducted."""
    prefix = f"{window}/" if window else ""
    found = _records(azure.container(stack.workspaceAccount, OUTPUT), prefix, RECORD)
    published = _records(azure.container(stack.lakeAccount, PUBLISHED), f"{stack.problem}/", CONDUCTED)
    found += [run for run in published if window in ("", run["window"])]
    return sorted(found, key=lambda run: (datetime.fromisoformat(run["finished"]), run["attempt"]))


def _records(container: "ContainerClient", prefix: str, name: str) -> list[dict[str, Any]]:
    paths = [path for path in lake.names(container, prefix) if path.endswith(f"/{name}")]
    return [json.loads(data) for data in lake.download(container, paths).values()]


def scored(stack: Stack, run: Mapping[str, Any]) -> dict[str, bytes]:
    """The run's files of scored rows by their place: a conducted run has them in the lake, and its record no input."""
    if run["input"] is None:
        account, container, folder = stack.lakeAccount, PUBLISHED, f"{run['problem']}/run={run['job']}"
    else:
        account, container, folder = stack.workspaceAccount, OUTPUT, f"{run['window']}/{run['attempt']}"
    client = azure.container(account, container)
    paths = [path for path in lake.names(client, f"{folder}/") if path.endswith(SCORED)]
    return {f"{container}/{path}": data for path, data in lake.download(client, paths).items()}


def already(stack: Stack, window: Window, deployment: str, prepared: Prepared) -> dict[str, Any] | None:
    """The committed run of the same rows by the same deployment, whose name is the digest of its content; or None."""
    for run in reversed(runs(stack, window.name)):
        if run["deployment"] == deployment and run["input"] == prepared.digest:
            return run
    return None


def attempt(stack: Stack, window: Window) -> Attempt:
    """The next attempt: counted for the reader, with a random part in case two start at once."""
    container = azure.container(stack.workspaceAccount, INPUT)
    with lake.explained(container):
        taken = [blob.name for blob in container.walk_blobs(name_starts_with=f"{window.name}/", delimiter="/")]
    return Attempt(window=window.name, number=f"{len(taken) + 1:03d}-{uuid.uuid4().hex[:6]}")


def read(stack: Stack, window: Window, contract: Contract, *, rows_a_file: int, allow_missing: bool) -> Prepared:
    """Raises OperationError when there is nothing to score."""
    features = lake.features(stack.lakeAccount, window, allow_missing=allow_missing)
    prepared = prepare(features, contract.feature, rows_a_file=rows_a_file)
    if not prepared.rows:
        raise OperationError(f"{window.name}: {len(features)} feature files without a row: there is nothing to score.")
    return prepared


def upload(stack: Stack, prepared: Prepared, this: Attempt, **facts: Any) -> dict[str, Any]:
    """Writes the rows, then their manifest: an attempt without a manifest is not whole."""
    manifest = prepared.manifest(window=this.window, attempt=this.number, **facts)
    container = azure.container(stack.workspaceAccount, INPUT)
    lake.upload(container, {f"{this.rows}/{name}": data for name, data in prepared.files.items()})
    lake.upload(container, {f"{this.path}/manifest.json": _json(manifest)})
    return manifest


def score(
    stack: Stack,
    serving: Serving,
    this: Attempt,
    manifest: Mapping[str, Any],
    on_status: Callable[[jobs.Job, float], None],
) -> dict[str, Any]:
    """Runs the job by the named deployment, checks rows in = scored + rejected, commits the run; returns its record.

    Raises JobFailed when the job does not complete, OperationError when the counts differ: then nothing is committed.
    """
    began = time.monotonic()
    job = jobs.follow(stack, jobs.invoke(stack, serving.deployment, source=this.source, target=this.target), on_status)
    if job.status != "Completed":
        raise JobFailed(job)
    seconds = round(time.monotonic() - began, 1)
    counts = count(outputs(stack, this.path), manifest, f"{OUTPUT}/{this.path} (job {job.name})")
    record = {
        "window": this.window,
        "attempt": this.number,
        "problem": manifest["problem"],
        "from": manifest["from"],
        "to": manifest["to"],
        "job": job.name,
        "deployment": serving.deployment,
        "model": serving.model,
        "code": serving.code,
        "input": manifest["digest"],
        "rows": manifest["rows"],
        **counts,
        "seconds": seconds,
        "finished": clock().now().isoformat(timespec="seconds"),
    }
    lake.upload(azure.container(stack.workspaceAccount, OUTPUT), {f"{this.path}/{RECORD}": _json(record)})
    return record


class JobFailed(OperationError):
    def __init__(self, job: jobs.Job) -> None:
        super().__init__(f"job {job.name}: {job.status}")
        self.job = job


def outputs(stack: Stack, path: str) -> dict[str, bytes]:
    """The Parquet files that a job wrote, by name."""
    container = azure.container(stack.workspaceAccount, OUTPUT)
    found = lake.download(container, [name for name in lake.names(container, f"{path}/") if name.endswith(".parquet")])
    return {name.removeprefix(f"{path}/"): data for name, data in found.items()}


def count(files: Mapping[str, bytes], manifest: Mapping[str, Any], place: str) -> dict[str, int]:
    """Rows scored and rejected. Raises OperationError naming the input files whose rows are not all there."""
    scored = {name.removesuffix(SCORED): data for name, data in files.items() if not name.endswith(REJECTED)}
    rejected = {name.removesuffix(REJECTED): data for name, data in files.items() if name.endswith(REJECTED)}
    wrong = []
    for entry in manifest["files"]:
        stem = Path(entry["name"]).stem
        found = rows_of([part[stem] for part in (scored, rejected) if stem in part])
        if found != entry["rows"]:
            wrong.append(f"{entry['name']}: {entry['rows']} rows in, {found} out")
    stems = {Path(entry["name"]).stem for entry in manifest["files"]}
    wrong += [f"{stem}: belongs to no input file" for stem in sorted((scored.keys() | rejected.keys()) - stems)]
    if wrong:
        raise OperationError(f"{place}: rows in are not rows scored + rejected: {'; '.join(wrong)}. Not committed.")
    return {"scored": rows_of(list(scored.values())), "rejected": rows_of(list(rejected.values()))}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()
