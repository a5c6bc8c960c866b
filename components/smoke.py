"""Proves a deployment on golden rows.

Golden rows are part of the model's folder: an input and what the model must answer to it. The smoke run is an
ordinary batch job on the new deployment, called by name, while the default still points to the old one.
"""

import io
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components import arm, blobs, job_report

if TYPE_CHECKING:
    import pyarrow as pa

_API = arm.MACHINE_LEARNING_API
TOLERANCE = 1e-9
_ENDED = {"Completed", "Failed", "Canceled", "NotResponding"}
_FRESH = 600  # seconds in which a refused access may be a role assignment on its way


class SmokeError(RuntimeError):
    """Why a deployment must not serve."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """The deployment to prove, and where its job's files are."""

    endpoint: str
    deployment: str
    workspace: str
    account: str
    model: str
    model_digest: str


def run(target: Target, *, minutes: int) -> int:
    """Sends golden rows through a deployment; how many there were.

    Raises SmokeError with the job's own error and the end of its log, or with the row that is not as it must be.
    """
    store, folder = _location(target.model)
    golden = {
        name: blobs.read(target.account, store, f"{folder}/golden/{name}.parquet") for name in ("input", "expected")
    }
    problem = target.model.split("/")[-3]
    source = f"golden/{problem}/{target.model_digest}"
    blobs.upload(target.account, "assets", source, {"input.parquet": golden["input"]})
    began = time.monotonic()
    while True:
        attempt = f"smoke/{target.deployment}/{uuid.uuid4().hex[:12]}"
        job = arm.patiently(lambda to=attempt: _invoke(target, source, to), f"invoking {target.deployment}")
        job = _ended(target, job, minutes=minutes)
        if job["properties"]["status"] == "Completed":
            break
        cause = job_report.cause(target.workspace, job["name"])
        if not (job_report.is_refusal(cause) and time.monotonic() - began < _FRESH):
            raise SmokeError(f"the smoke run of {target.deployment} failed (job {job['name']}): {cause}")
        time.sleep(15)
    expected = _table(golden["expected"])
    compare(expected, _table(_predictions(target, attempt)))
    return expected.num_rows


def compare(expected: "pa.Table", found: "pa.Table") -> None:
    """Raises SmokeError unless the rows are those expected: numbers within 1e-9, all else equal, in any order.

    Only columns of the expected table count: what a row says about the job that made it differs with every job.
    """
    missing = [name for name in expected.column_names if name not in found.column_names]
    if missing:
        raise SmokeError(f"predictions lack the column {', '.join(missing)}; found {', '.join(found.column_names)}")
    if expected.num_rows != found.num_rows:
        raise SmokeError(f"found {found.num_rows} predictions for golden rows, expected {expected.num_rows}")
    keys = [(name, "ascending") for name in expected.column_names if not _is_number(expected, name)]
    wanted, got = (table.select(expected.column_names).sort_by(keys).to_pylist() for table in (expected, found))
    for number, (row, answer) in enumerate(zip(wanted, got, strict=True)):
        for name, value in row.items():
            if not _same(value, answer[name]):
                key = ", ".join(str(row[key]) for key, _ in keys)
                raise SmokeError(f"golden row {number} ({key}): {name} is {answer[name]!r}, expected {value!r}")


def _invoke(target: Target, source: str, attempt: str) -> dict[str, Any]:
    uri = arm.call("GET", target.endpoint, api=_API)["properties"]["scoringUri"]
    body = {
        "properties": {
            "InputData": {
                "golden": {"JobInputType": "UriFolder", "Uri": f"azureml://datastores/assets/paths/{source}/"}
            },
            "OutputData": {
                "score": {
                    "JobOutputType": "UriFile",
                    "Uri": f"azureml://datastores/scoring_output/paths/{attempt}/predictions.csv",
                }
            },
        }
    }
    headers = {"azureml-model-deployment": target.deployment, "repeatability_request-id": str(uuid.uuid4())}
    return arm.call("POST", uri, audience=arm.MACHINE_LEARNING, body=body, headers=headers)


def _ended(target: Target, job: dict[str, Any], *, minutes: int) -> dict[str, Any]:
    """The job once it has ended, telling how it gets on. Raises SmokeError when it has not after `minutes`."""
    import pulumi

    name, told = job["name"], ""
    began = time.monotonic()
    while True:
        job = arm.call("GET", f"{target.workspace}/jobs/{name}", api=_API)
        status = job["properties"]["status"]
        if status in _ENDED:
            return job
        if status != told:
            pulumi.log.info(f"smoke run of {target.deployment} (job {name}): {status}")
            told = status
        if time.monotonic() - began > minutes * 60:
            raise SmokeError(f"the smoke run of {target.deployment} (job {name}) is {status} after {minutes} minutes")
        time.sleep(1 if time.monotonic() - began < 120 else 10)


def _predictions(target: Target, attempt: str) -> bytes:
    found = blobs.below(target.account, "scoring-output", attempt)
    answer = f"{attempt}/input.scored.parquet"
    if answer not in found:
        names = ", ".join(name.removeprefix(f"{attempt}/") for name in found) or "nothing"
        raise SmokeError(
            f"the smoke run of {target.deployment} completed without predictions; its output holds {names}"
        )
    return blobs.read(target.account, "scoring-output", answer)


def _location(model_id: str) -> tuple[str, str]:
    """Container and folder of a registered model's files, from its own record."""
    uri = arm.call("GET", model_id, api=_API)["properties"]["modelUri"]
    store, _, folder = uri.partition("/datastores/")[2].partition("/paths/")
    if not folder:
        raise SmokeError(f"{model_id}: its files are at {uri}, expected a path of a datastore")
    datastore = arm.call("GET", f"{model_id.partition('/models/')[0]}/datastores/{store}", api=_API)
    return datastore["properties"]["containerName"], folder.strip("/")


def _table(data: bytes) -> "pa.Table":
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(data))


def _is_number(table: "pa.Table", name: str) -> bool:
    import pyarrow as pa

    return pa.types.is_floating(table.schema.field(name).type)


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return expected == found or abs(expected - found) <= TOLERANCE or (expected != expected and found != found)
    return expected == found
