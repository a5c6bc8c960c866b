"""Outputs of activities in the service's shape, for those who implement `World`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from factory_engine.world import ActivityError, Output

_RUNTIME = "AutoResolveIntegrationRuntime"


def web_output(url: str, status: int, headers: Mapping[str, str], body: bytes) -> Output:
    """The output of a Web activity: the response's JSON object and its headers.

    Raises ActivityError 2108 for a status of 400 and above, and for a body that is no JSON object: arrays, other values
    and other types are not supported
    (https://learn.microsoft.com/azure/data-factory/control-flow-web-activity, Requirements for JSON content).
    """
    if status >= 400:
        details = body.decode(errors="replace")
        msg = f"Error calling the endpoint '{url}'. Response status code: '{status}'. More details: {details}"
        raise ActivityError("2108", msg)
    answer: Any = {}
    if body.strip():
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
    if not isinstance(answer, dict):
        msg = f"Response Content is not a valid JObject, calling the endpoint '{url}'"
        raise ActivityError("2108", msg)
    return {**answer, "ADFWebActivityResponseHeaders": dict(headers), "effectiveIntegrationRuntime": _RUNTIME}


def copy_output(
    *,
    seconds: float,
    data_read: int,
    data_written: int,
    rows_read: int | None = None,
    rows_copied: int | None = None,
    files_read: int | None = None,
    files_written: int | None = None,
) -> Output:
    """The output of a Copy activity; counts that do not apply (rows of a binary copy, files of a table) are left out.

    https://learn.microsoft.com/azure/data-factory/copy-activity-monitoring. Sizes in bytes, throughput in KB/s.
    """
    counts = {"filesRead": files_read, "filesWritten": files_written, "rowsRead": rows_read, "rowsCopied": rows_copied}
    return {
        "dataRead": data_read,
        "dataWritten": data_written,
        **{name: count for name, count in counts.items() if count is not None},
        "copyDuration": round(seconds),
        "throughput": round(data_read / 1024 / max(seconds, 1), 3),
        "errors": [],
        "effectiveIntegrationRuntime": _RUNTIME,
    }


def script_output(
    result_sets: Sequence[Sequence[Mapping[str, Any]]],
    *,
    records_affected: int = 0,
    parameters: Mapping[str, Any] | None = None,
) -> Output:
    """The output of a Script activity (https://learn.microsoft.com/azure/data-factory/transform-data-using-script)."""
    return {
        "resultSetCount": len(result_sets),
        "recordsAffected": records_affected,
        "resultSets": [{"rowCount": len(rows), "rows": [dict(row) for row in rows]} for rows in result_sets],
        "outputParameters": dict(parameters or {}),
        "outputLogs": "",
    }


def metadata_output(fields: Sequence[str], found: Mapping[str, Any] | None) -> Output:
    """The output of a Get Metadata activity: of `found` what was asked for; None when the item does not exist.

    Raises ActivityError when it does not exist and `exists` is not among the fields
    (https://learn.microsoft.com/azure/data-factory/control-flow-get-metadata-activity).
    """
    if found is None:
        if "exists" in fields:
            return {"exists": False, "effectiveIntegrationRuntime": _RUNTIME}
        msg = "The required Blob or folder is missing; add 'exists' to the field list to ask whether it is there"
        raise ActivityError("2011", msg)
    known = {"exists": True, **found}
    return {**{name: known[name] for name in fields if name in known}, "effectiveIntegrationRuntime": _RUNTIME}


def delete_output(dataset: str, *, files_deleted: int, recursive: bool) -> Output:
    """The output of a Delete activity (https://learn.microsoft.com/azure/data-factory/delete-activity)."""
    return {
        "datasetName": dataset,
        "recursive": recursive,
        "filesDeleted": files_deleted,
        "effectiveIntegrationRuntime": _RUNTIME,
    }
